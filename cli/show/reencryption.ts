/** What `key reencrypt` has to ask for, and its run. */

import { SecretInput } from "../secret-input.ts";
import type { Session } from "../session.ts";

export interface Reencrypting {
  readonly slots: readonly number[];
  readonly dropOthers: boolean;
  readonly dryRun: boolean;
  readonly detach: boolean;
}

export async function reencrypt(session: Session, volume: string, asked: Reencrypting): Promise<void> {
  const { slots, dropOthers, dryRun, detach } = asked;
  const input = new SecretInput(session);
  const keep: { slot: number; key: Buffer }[] = [];
  for (const slot of slots) {
    const key = dryRun ? Buffer.alloc(0) : await input.ask(`Passphrase in slot ${slot} of volume ${volume}`);
    keep.push({ slot, key });
  }
  await session.run(() => session.agent.reencryptVolume({ volume, keep, dropOthers, dryRun }), { detach });
}
