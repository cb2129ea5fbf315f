/** What `key rotate` has to ask for, and its run. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { readKeyFrom, SecretInput } from "../secret-input.ts";
import type { Session } from "../session.ts";
import { runWithPassphrase } from "./keys.ts";

export interface Rotation {
  readonly agents: boolean;
  readonly generate: boolean;
  readonly oldKeyFile: string | undefined;
  readonly detach: boolean;
}

export async function rotateKey(session: Session, volume: string, rotation: Rotation): Promise<void> {
  const { agents, generate, oldKeyFile, detach } = rotation;
  const input = new SecretInput(session);
  const none = Buffer.alloc(0);
  const askOld = (what: string) => (oldKeyFile === undefined ? input.ask(what) : readKeyFrom(oldKeyFile));
  if (agents) {
    const { source, sourceText } = await session.waitFor("asking the agent", session.agent.listKeys({ volume }));
    if (source === "file" && oldKeyFile !== undefined) {
      throw new LuksmithError("usage", `the agent's key of volume ${volume} is in a file, which is the old one`, {
        hint: `luksmith key rotate ${volume}`,
      });
    }
    const oldKey = source === "file" ? none : await askOld(`What was it before: ${escapeControls(sourceText)}`);
    const request = { volume, agents, oldKey, newKey: none };
    await session.run(() => session.agent.rotateKey(request), { detach });
    return;
  }
  const oldKey = await askOld(`Old passphrase of volume ${volume}`);
  const newKey = generate ? none : await input.askNew(`New passphrase of volume ${volume}`);
  const request = { volume, agents, oldKey, newKey };
  await runWithPassphrase(session, volume, () => session.agent.rotateKey(request), { detach });
}
