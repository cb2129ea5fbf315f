import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { argumentBytes, readRawArguments } from "../argument-bytes.ts";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

interface Options {
  to: string;
  newPassphrase?: true;
  replace?: true;
}

export function addKitCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("kit")
    .helpGroup(groups.setup)
    .summary("the recovery kit of a volume: to open it without this machine")
    .description(
      "Writes into DIR what opens VOLUME on any Linux without luksmith: the header, the recovery passphrase as text and QR " +
        "code, and one page with every command, as text and PDF. Asks for the recovery passphrase, since it is kept nowhere; " +
        "--new-passphrase has another one made. Whoever has the kit and the image can read everything: print it, or take " +
        "it away on a stick. DIR must be closed to others, and none of the files may be there already.",
    )
    .argument("<volume>", "the volume", volumeName)
    .requiredOption("--to <dir>", "the directory; made when missing, for you alone")
    .option("--new-passphrase", "have a recovery passphrase made for the kit, in a slot of its own")
    .option("--replace", "with --new-passphrase: remove the recovery passphrases before it, when the kit is written")
    .action((volume: string, options: Options, self: Command) => {
      if (options.replace && !options.newPassphrase) {
        throw new LuksmithError("usage", "--replace is for a passphrase that is made: add --new-passphrase");
      }
      return withSession(invocation, self, async (session) => {
        const { targetDirectory } = await import("../target-directory.ts");
        const { makeKit } = await import("../kit/make-kit.ts");
        await makeKit(session, volume, {
          directory: targetDirectory(argumentBytes(options.to, readRawArguments())),
          newPassphrase: options.newPassphrase === true,
          replace: options.replace === true,
        });
      });
    });
  addExamples(command, [
    ["luksmith kit home --to /media/usb/kit", "asks for the recovery passphrase, and tries it"],
    [
      "luksmith kit home --to /media/usb/kit --new-passphrase --replace",
      "a new one; older ones open the volume no more",
    ],
  ]);
}
