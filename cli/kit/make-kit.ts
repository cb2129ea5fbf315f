/** Making a recovery kit: the passphrase that it is to hold is tried or made, then everything is written, or nothing. */

import { renderSVG } from "uqr";
import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { showName } from "../../common/file-name.ts";
import { KeySlot_Role, type RecoveryKit } from "../../proto/gen/luksmith/v1/agent.ts";
import { begun, followRun, sayEnd, started } from "../follow-run.ts";
import { kitJson, recoveryPassphraseJson } from "../json.ts";
import { SecretInput } from "../secret-input.ts";
import type { Session } from "../session.ts";
import { passphraseText } from "../show/keys.ts";
import { KitDirectory } from "./kit-directory.ts";
import { kitFiles, kitPage, knownHostsText } from "./page.ts";
import { pagePdf } from "./pdf.ts";

export interface KitOptions {
  readonly directory: Buffer;
  readonly newPassphrase: boolean;
  readonly replace: boolean;
}

export async function makeKit(session: Session, volume: string, options: KitOptions): Promise<void> {
  const files = Object.values(kitFiles);
  // refused before anything is asked for; of a kit that comes to nothing, nothing stays
  await using directory = await KitDirectory.open(options.directory, files);
  const made = options.newPassphrase ? await makePassphrase(session, volume) : undefined;
  let slot: number;
  try {
    const passphrase = made?.passphrase ?? printable(await askPassphrase(session, volume));
    slot = await writeKit(session, volume, passphrase, directory);
  } catch (error) {
    // it opens the volume, and is in no kit
    if (made !== undefined) sayPassphrase(session, volume, made);
    throw error;
  }
  const others = await otherPassphrases(session, volume, slot);
  if (options.replace) for (const other of others) await removeSlot(session, volume, other);
  const left = options.replace ? [] : others;
  const name = showName(options.directory);
  session.result(
    () => [kitJson({ volume, directory: name, files, slot, others: left })],
    () => writtenText(volume, name, left),
  );
}

interface Made {
  readonly passphrase: string;
  readonly runId: string;
}

async function makePassphrase(session: Session, volume: string): Promise<Made> {
  const answer = await started(session, session.agent.addKey({ volume, newKey: Buffer.alloc(0) }));
  const made = { passphrase: answer.recoveryPassphrase, runId: begun(answer.run).id };
  try {
    sayEnd(session, await followRun(session, begun(answer.run)));
  } catch (error) {
    sayPassphrase(session, volume, made);
    throw error;
  }
  return made;
}

/** Where there is no kit that holds it. */
function sayPassphrase(session: Session, volume: string, { passphrase, runId }: Made): void {
  session.result(
    () => [recoveryPassphraseJson({ volume, runId, finished: false, recoveryPassphrase: passphrase })],
    () => `${passphraseText(volume, passphrase)}\nNo kit was written. See: luksmith key list ${volume}\n`,
  );
}

async function askPassphrase(session: Session, volume: string): Promise<Buffer> {
  return await new SecretInput(session).ask(`Recovery passphrase of volume ${volume}`);
}

/** What a person reads off a page and types must be on every keyboard. */
function printable(passphrase: Buffer): string {
  const text = passphrase.toString("latin1");
  passphrase.fill(0);
  if (/^[\x21-\x7e]([\x20-\x7e]{0,126}[\x21-\x7e])?$/.test(text)) return text;
  throw new LuksmithError(
    "usage",
    "that cannot be printed and typed again: it is too long, or not of plain characters",
    {
      hint: "--new-passphrase has one made that can",
    },
  );
}

/** @returns the slot that the passphrase opens */
async function writeKit(
  session: Session,
  volume: string,
  passphrase: string,
  directory: KitDirectory,
): Promise<number> {
  const { kit, header } = await session.waitFor("trying the passphrase", fetchKit(session, volume, passphrase));
  const page = kitPage(kit, passphrase);
  const pdf = await pagePdf(page, passphrase, `Recovery kit of volume ${volume}`);
  await directory.write(kitFiles.header, header);
  // without a line break it is a key file as well
  await directory.write(kitFiles.passphrase, passphrase);
  await directory.write(kitFiles.qr, renderSVG(passphrase, { ecc: "M", border: 4 }));
  await directory.write(kitFiles.knownHosts, knownHostsText(kit));
  await directory.write(kitFiles.text, page);
  await directory.write(kitFiles.pdf, pdf);
  await directory.finish();
  return kit.slot;
}

async function fetchKit(
  session: Session,
  volume: string,
  passphrase: string,
): Promise<{ kit: RecoveryKit; header: Buffer }> {
  let kit: RecoveryKit | undefined;
  const pieces: Buffer[] = [];
  const request = { volume, passphrase: Buffer.from(passphrase) };
  for await (const { kind } of session.agent.exportRecoveryKit(request, session.stop)) {
    if (kind?.$case === "kit") kit = kind.value;
    if (kind?.$case === "header") pieces.push(kind.value);
  }
  const header = Buffer.concat(pieces);
  if (kit === undefined || header.length === 0) throw new LuksmithError("internal", "the agent sent no kit");
  return { kit, header };
}

async function otherPassphrases(session: Session, volume: string, slot: number): Promise<number[]> {
  const { slots } = await session.agent.listKeys({ volume });
  return slots
    .filter((found) => found.role === KeySlot_Role.RECOVERY && found.slot !== slot)
    .map((found) => found.slot);
}

async function removeSlot(session: Session, volume: string, slot: number): Promise<void> {
  try {
    await session.run(() => session.agent.removeKey({ volume, slot }), { detach: false });
  } catch (error) {
    const { code, message } = asLuksmithError(error);
    throw new LuksmithError(code, `the kit is written, and the passphrase in slot ${slot} still opens it: ${message}`, {
      hint: `luksmith key remove ${volume} ${slot}`,
      cause: error,
    });
  }
}

function writtenText(volume: string, directory: string, others: readonly number[]): string {
  const more = others.map(
    (slot) => `another recovery passphrase opens the volume as well: luksmith key remove ${volume} ${slot}\n`,
  );
  return `the recovery kit of volume ${volume} is in ${directory}: print ${kitFiles.pdf}, and take it away from this machine\n${more.join("")}`;
}
