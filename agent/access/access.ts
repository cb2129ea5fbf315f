/** The one place that says whether a call may go on: who the kernel says is calling, against what the rules grant. */

import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import type { AccessRule } from "../config/access-rule.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { type PeerCredentials, parsePeer } from "./peer-credentials.ts";
import { type AccessTarget, admit, type Decision, decide, type PolicyCaller } from "./policy.ts";
import type { Account, UserDatabase } from "./user-database.ts";
import type { AccessVerb } from "./verb.ts";

export interface AuthorizedCaller extends PolicyCaller, PeerCredentials {}

/** Looking root up would only add a way to fail. */
const root: Account = { name: "root", groups: ["root"] };

export class Access {
  readonly #rules: readonly AccessRule[];
  readonly #socketGroup: string;
  readonly #users: UserDatabase;

  constructor(config: Pick<AgentConfig, "access" | "socket">, users: UserDatabase) {
    this.#rules = config.access;
    this.#socketGroup = config.socket.group;
    this.#users = users;
  }

  /**
   * Who is calling, if they may speak to the agent at all.
   * @param peer call.getPeer(), asked before anything is awaited
   * @throws {LuksmithError} "denied" with the reason
   */
  async identify(peer: string): Promise<AuthorizedCaller> {
    const credentials = parsePeer(peer);
    const caller = { ...credentials, ...(credentials.uid === 0 ? root : await this.#account(credentials.uid)) };
    insist(admit(caller, this.#socketGroup));
    return caller;
  }

  /**
   * Who is calling, if they may do this.
   * @param target a job together with its volume; verb.ts says what each verb needs
   * @throws {LuksmithError} "denied" with the reason
   */
  async authorize(peer: string, verb: AccessVerb, target: AccessTarget = {}): Promise<AuthorizedCaller> {
    const caller = await this.identify(peer);
    insist(this.#decide(caller, verb, target));
    return caller;
  }

  /** For what no rule can grant. @throws {LuksmithError} "denied" */
  requireRoot({ uid }: AuthorizedCaller): void {
    if (uid !== 0) throw new LuksmithError("denied", "only root may do this", { hint: "sudo luksmith ..." });
  }

  /** The same question for one entry of a listing, or for the run that an id turned out to mean. */
  permits(caller: AuthorizedCaller, verb: AccessVerb, target: AccessTarget): boolean {
    return this.#decide(caller, verb, target).allowed;
  }

  #decide(caller: AuthorizedCaller, verb: AccessVerb, target: AccessTarget): Decision {
    return decide(caller, verb, target, this.#rules, this.#socketGroup);
  }

  async #account(uid: number): Promise<Account> {
    try {
      return await this.#users.account(uid);
    } catch (cause) {
      throw new LuksmithError("denied", `the system could not be asked who uid ${uid} is`, {
        hint: asLuksmithError(cause).message,
        cause,
      });
    }
  }
}

function insist(decision: Decision): void {
  if (!decision.allowed) throw new LuksmithError("denied", decision.reason, { hint: decision.hint });
}
