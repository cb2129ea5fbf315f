import type { Command } from "commander";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { slotNumber, volumeName } from "../names.ts";

interface Options {
  keep?: number[];
  dropOthers?: true;
  dryRun?: true;
  detach?: true;
}

export function addKeyReencryptCommand(key: Command, invocation: Invocation): void {
  const command = key
    .command("reencrypt")
    .summary("another volume key: all data are encrypted anew")
    .description(
      "Gives VOLUME another volume key, and encrypts all that is in it anew, where it is. Whoever has an old header and a key " +
        "of it can then read nothing that is written from now on. All of the image is read and written, some of it " +
        "twice, and it has no holes afterwards. Interrupted, it goes on when this is typed again, or with the next backup. " +
        "A key slot stays only if its passphrase is given: it is asked for, or a line of standard input.",
    )
    .argument("<volume>", "the volume", volumeName)
    .option(
      "--keep <slot>",
      "this slot of somebody's is to open the volume afterwards as well; may be repeated",
      gather,
    )
    .option("--drop-others", "give up all slots that are not named; the agent's own always stays")
    .option("--dry-run", "say which slots stay, and how much there is to do, and change nothing")
    .option(...detach)
    .action((volume: string, options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { reencrypt } = await import("../show/reencryption.ts");
        await reencrypt(session, volume, {
          slots: options.keep ?? [],
          dropOthers: options.dropOthers === true,
          dryRun: options.dryRun === true,
          detach: options.detach === true,
        });
      }),
    );
  addExamples(command, [
    ["luksmith key reencrypt home --dry-run", "which slots would be lost, and is there room for it"],
    ["luksmith key reencrypt home --keep 1", "asks for the passphrase of slot 1, which stays"],
    ["luksmith key reencrypt home --drop-others", "only the agent's own key opens it afterwards"],
  ]);
}

function gather(text: string, before: number[] = []): number[] {
  const slot = slotNumber(text);
  return before.includes(slot) ? before : [...before, slot];
}
