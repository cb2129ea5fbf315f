import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { remoteName } from "../names.ts";

interface Options {
  fingerprint?: string;
  replace?: true;
}

export function addRemoteTrustCommand(remote: Command, invocation: Invocation): void {
  const command = remote
    .command("trust")
    .summary("pin the host key of a backup host")
    .description(
      "Shows the host keys that the backup host NAME offers, and asks whether to trust it. From then on no other key " +
        "is accepted. Compare the fingerprint on the host itself: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
    )
    .argument("<name>", "the remote", remoteName)
    .option("--fingerprint <fingerprint>", "trust the key with this fingerprint (SHA256:...) without asking")
    .option("--replace", "allow a new key to take the place of the trusted one")
    .action((name: string, options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { fingerprint } = await import("../host-key.ts");
        const { trustRemote } = await import("../show/trust.ts");
        await trustRemote(session, name, {
          fingerprint: options.fingerprint === undefined ? "" : fingerprint(options.fingerprint),
          replace: options.replace === true,
        });
      }),
    );
  addExamples(command, [
    ["luksmith remote trust vault", "show the host key of vault, and ask"],
    [
      "luksmith remote trust vault --fingerprint SHA256:uNiVztksCsDhcc0u9e8BrBpkRkGvMFTnMKhgbSgo0nM",
      "for scripts: only this key will do",
    ],
  ]);
}
