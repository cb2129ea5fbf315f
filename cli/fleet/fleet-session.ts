/** What a command works with that is about the fleet: a controller, as the operator whose credential it is. */

import { type Clock, systemClock } from "../../common/clock.ts";
import { escapeControls } from "../../common/quote.ts";
import { BaseSession } from "../base-session.ts";
import type { Invocation } from "../invocation.ts";
import { listenForSignals, type Signals } from "../signals.ts";
import type { Paint } from "../table.ts";
import type { Terminal } from "../terminal.ts";
import { ControllerClient } from "./controller-client.ts";
import { type Credential, readCredential } from "./credential.ts";
import { renew, renewIfDue } from "./renewal.ts";

export class FleetSession extends BaseSession {
  readonly fleet: ControllerClient;
  readonly credential: Credential;
  #isRenewed = false;

  constructor(credential: Credential, terminal: Terminal, clock: Clock, signals: Signals, json: boolean) {
    super(terminal, clock, signals, json);
    this.credential = credential;
    this.fleet = new ControllerClient(credential, signals.stop);
  }

  /** For text on standard output. */
  readonly paint: Paint = (style, text) => this.terminal.paintOut(style, text);

  /** Waits for an answer of the controller's. */
  ask<Answer>(answer: Promise<Answer>): Promise<Answer> {
    return this.waitFor("asking the controller", answer);
  }

  /** Another certificate at once, such as one of the authority that issues now. @throws {LuksmithError} */
  async renewNow(): Promise<void> {
    await this.ask(renew(this.fleet, this.credential));
    this.#isRenewed = true;
  }

  /** Whatever came of the command: one that fails each night is to have a credential as well. */
  async close(): Promise<void> {
    this.letGo();
    if (this.fleet.address !== undefined && !this.#isRenewed && !this.stop.aborted) {
      const text = await renewIfDue(this.fleet, this.credential, this.clock.now());
      if (text !== undefined) this.notice(escapeControls(text));
    }
    this.fleet.close();
  }
}

/**
 * Nothing is connected yet.
 * @throws {LuksmithError} "config" when there is no credential that may be used
 */
export async function openFleetSession(
  invocation: Invocation,
  credentialFile: string,
  json: boolean,
): Promise<FleetSession> {
  const credential = await readCredential(credentialFile);
  invocation.terminal.open();
  return new FleetSession(credential, invocation.terminal, systemClock, listenForSignals(), json);
}
