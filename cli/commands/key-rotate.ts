import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

interface Options {
  passphrase?: true;
  generate?: true;
  oldKeyFile?: string;
  detach?: true;
}

export function addKeyRotateCommand(key: Command, invocation: Invocation): void {
  const command = key
    .command("rotate")
    .summary("another key in the place of one")
    .description(
      "Gives the agent another key for VOLUME. Where its key is in a file, a new one is made and takes the file's place. " +
        "Where it comes from a command or a credential, let that give the new key first; the old one is asked for. With " +
        "--passphrase it is one of somebody's instead: the old one is asked for, and the new one, twice. Where there is no " +
        "terminal they are lines of standard input.",
    )
    .argument("<volume>", "the volume", volumeName)
    .option("--passphrase", "not the agent's own key: a passphrase (or key) of somebody's")
    .option("--generate", "with --passphrase: let the agent make the new one, and show it once, at the end")
    .option("--old-key-file <file>", "the old key is the bytes of this file; it is not asked for")
    .option(...detach)
    .action((volume: string, options: Options, self: Command) => {
      if (options.generate && !options.passphrase) {
        throw new LuksmithError("usage", "--generate is about passphrases of people", {
          hint: `luksmith key rotate ${volume} --passphrase --generate`,
        });
      }
      return withSession(invocation, self, async (session) => {
        const { rotateKey } = await import("../show/rotated-key.ts");
        await rotateKey(session, volume, {
          agents: options.passphrase !== true,
          generate: options.generate === true,
          oldKeyFile: options.oldKeyFile,
          detach: options.detach === true,
        });
      });
    });
  addExamples(command, [
    ["luksmith key rotate home", "the agent's own"],
    ["luksmith key rotate home --passphrase", "asks for an old passphrase, and for the new one"],
    ["luksmith key rotate home --passphrase --generate", "another recovery passphrase in the place of the old one"],
  ]);
}
