import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { addExamples, detach } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

interface Options {
  generate?: true;
  keyFile?: string;
  detach?: true;
}

export function addKeyAddCommand(key: Command, invocation: Invocation): void {
  const command = key
    .command("add")
    .summary("another passphrase or key for a volume")
    .description(
      "Adds a key slot to VOLUME: a passphrase that you are asked for (where there is no terminal it is the first line of " +
        "standard input), a file's bytes, or a recovery passphrase that the agent makes, shown once.",
    )
    .argument("<volume>", "the volume", volumeName)
    .option("--generate", "let the agent make a recovery passphrase, and show it once, at the end")
    .option("--key-file <file>", "the bytes of this file, all of them; - is standard input")
    .option(...detach)
    .action((volume: string, options: Options, self: Command) => {
      if (options.generate && options.keyFile !== undefined) {
        throw new LuksmithError("usage", "--generate makes a key, --key-file brings one: take one of them");
      }
      return withSession(invocation, self, async (session) => {
        const { readKeyFrom, SecretInput } = await import("../secret-input.ts");
        const { runWithPassphrase } = await import("../show/keys.ts");
        const newKey = options.generate
          ? Buffer.alloc(0)
          : options.keyFile === undefined
            ? await new SecretInput(session).askNew(`New passphrase of volume ${volume}`)
            : await readKeyFrom(options.keyFile);
        if (!options.generate && newKey.length === 0) throw new LuksmithError("usage", "that key is empty");
        const start = () => session.agent.addKey({ volume, newKey });
        await runWithPassphrase(session, volume, start, { detach: options.detach === true });
      });
    });
  addExamples(command, [
    ["luksmith key add home", "asks for a passphrase, twice"],
    ["luksmith key add home --generate", "one that the agent makes: write it down"],
    ["luksmith key add home --key-file /media/usb/home.key", "a key file"],
  ]);
}
