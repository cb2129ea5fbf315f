import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { adminDestination, byteSize, remoteName, sshOption } from "../names.ts";

interface Options {
  admin?: string;
  sshOption?: string[];
  directory?: string;
  quota?: number;
  trustedWire?: true;
  checkpoints?: string;
  adoptUser?: true;
  dryRun?: true;
  remove?: true;
  purge?: true;
}

export function addRemoteSetupCommand(remote: Command, invocation: Invocation): void {
  const command = remote
    .command("setup")
    .summary("have a backup host serve this machine, with your ssh")
    .description(
      "Connects to the backup host NAME by ssh as its administrator (your keys, your password) and has it serve this machine: " +
        "a user and a directory of its own, luksmith-helper, and a key that can do nothing but SFTP in that directory and " +
        "talk to the helper. What is there already stays; typed again, it says that nothing is to be done.",
    )
    .argument("<name>", "the remote", remoteName)
    .option(
      "--admin <user@host>",
      "who you are there: root, or somebody who may use sudo (default: root at the remote's host)",
      adminDestination,
    )
    .option("--ssh-option <option>", "for ssh, as after its -o; may be given again", collect)
    .option(
      "--directory <dir>",
      "this machine's own directory there (default: where the remote's path says, or /srv/luksmith/USER)",
    )
    .option("--quota <size>", "limit what it may store, such as 500G", byteSize)
    .option(
      "--trusted-wire",
      "nobody can listen between here and there: images may go over TCP in the clear (they are encrypted themselves)",
    )
    .option("--checkpoints <dir>", "keep copies of images there, out of this machine's reach")
    .option("--adopt-user", "the user is there already, and is this machine's alone")
    .option("--dry-run", "show every file and command, and change nothing")
    .option("--remove", "take back what setup has made; images and checkpoints stay")
    .option("--purge", "with --remove: the Debian packages that it has installed go as well")
    .action((name: string, options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { setUpRemote } = await import("../remote-setup/set-up.ts");
        await setUpRemote(session, name, {
          admin: options.admin,
          sshOptions: options.sshOption ?? [],
          directory: options.directory,
          quotaBytes: options.quota,
          trustedWire: options.trustedWire === true,
          checkpoints: options.checkpoints,
          adoptUser: options.adoptUser === true,
          dryRun: options.dryRun === true,
          remove: options.remove === true,
          purge: options.purge === true,
        });
      }),
    );
  addExamples(command, [
    ["luksmith remote setup vault --dry-run", "what would be done there"],
    ["luksmith remote setup vault --admin alice@vault.example.net --quota 500G", "as alice, who may use sudo there"],
    ["luksmith remote setup vault --remove", "take it back"],
  ]);
}

function collect(text: string, before: string[] | undefined): string[] {
  return [...(before ?? []), sshOption(text)];
}
