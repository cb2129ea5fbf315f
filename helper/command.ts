/** The helper's command line. */

import { Command, CommanderError } from "commander";
import { usageExit } from "../common/command-line.ts";
import { LuksmithError } from "../common/errors.ts";
import { makeExec } from "../common/exec.ts";
import { version } from "../common/version.ts";
import { listCheckpoints, restoreCheckpoint } from "./checkpoint/checkpoint-command.ts";
import { requireApart } from "./config/apart.ts";
import {
  defaultHelperConfigPath,
  type HelperConfig,
  helperConfigJsonSchema,
  loadHelperConfig,
} from "./config/helper-config.ts";
import { Firewall } from "./export/firewall.ts";
import { takenPorts } from "./export/port-lock.ts";
import { callError } from "./rpc/call-error.ts";
import { serve } from "./session/serve.ts";
import { setupCommand } from "./setup/setup-command.ts";

async function directFirewall(load: () => Promise<HelperConfig>): Promise<Firewall> {
  const { direct } = await load();
  if (direct !== undefined) return new Firewall(makeExec().exec, direct.ports);
  throw new LuksmithError("config", "this host serves nothing over TCP: there is nothing to guard", {
    hint: "direct, in helper.yaml",
  });
}

/** What a machine starts, what says nothing of this host, and what asks by itself who calls, where there may be no configuration yet. */
const forOthersToo = ["serve", "config-schema", "setup"];

/** Its key starts `serve`; should a rule of sudo's let it start more, that is no verb for a machine. */
async function requireNoMachine(load: () => Promise<HelperConfig>, user: string | undefined): Promise<void> {
  if (user === undefined || !(await load()).machines.has(user)) return;
  throw new LuksmithError("denied", "this is for the backup host's administrator, and not for a machine");
}

/** @returns the exit code @throws {LuksmithError} */
export async function helperCommand(argv: readonly string[]): Promise<number> {
  const command = new Command("luksmith-helper")
    .description("serves this host's machines: their images by NBD, checkpoints out of their reach")
    .option("-c, --config <file>", "configuration", defaultHelperConfigPath)
    .version(version)
    .exitOverride();
  const load = () => loadHelperConfig(command.opts<{ config: string }>().config);
  command.hook("preAction", async (_, action) => {
    if (!forOthersToo.includes(action.name())) await requireNoMachine(load, process.env.SUDO_USER);
  });
  command
    .command("serve")
    .description("one session on standard input and output; started by sshd for a machine")
    .action(async () => {
      await serve(command.opts<{ config: string }>().config, process.env);
    });
  command
    .command("setup")
    .description("make this host serve a machine, as a request on standard input asks (luksmith remote setup sends it)")
    .option("--dry-run", "show every file and command, and do nothing")
    .option("--request <file>", "read the request from a file")
    .option("--remove <machine>", "take back what setup has made for a machine")
    .option("--purge", "with --remove, of the last machine: also the Debian packages that setup has installed")
    .option("--json", "a line of JSON for each thing done")
    .action(
      async (options: { dryRun?: boolean; request?: string; remove?: string; purge?: boolean; json?: boolean }) => {
        await setupCommand({
          dryRun: options.dryRun ?? false,
          request: options.request,
          remove: options.remove,
          purge: options.purge ?? false,
          json: options.json ?? false,
        });
      },
    );
  command
    .command("config-schema")
    .description("print the JSON schema of the configuration, for editors")
    .action(() => {
      process.stdout.write(`${JSON.stringify(helperConfigJsonSchema(), null, 2)}\n`);
    });
  command
    .command("check-config")
    .description("read the configuration, and say every fault in it")
    .action(async () => {
      await requireApart(await load());
      process.stdout.write("the configuration is in order\n");
    });
  const firewall = command.command("firewall").description("the table that guards the ports of direct exports");
  firewall
    .command("check")
    .description("is it there, and as it should be")
    .action(async () => {
      await (await directFirewall(load)).requireTable();
      process.stdout.write("the firewall is as it should be\n");
    });
  firewall
    .command("apply")
    .description("make it what it should be; exports that are open over TCP are closed, if it was not")
    .action(async () => {
      const { runtimeDir } = await load();
      await (await directFirewall(load)).apply(() => takenPorts(makeExec().exec, runtimeDir));
      process.stdout.write("the firewall guards the ports of direct exports\n");
    });
  const checkpoints = command.command("checkpoints").description("copies of images that no machine can reach");
  checkpoints
    .command("list")
    .description("which there are, oldest first")
    .option("--machine <user>", "of this machine alone")
    .option("--json", "a line of JSON for each")
    .action(async (options: { machine?: string; json?: boolean }) => {
      const list = await listCheckpoints(makeExec().exec, await load(), {
        machine: options.machine,
        json: options.json ?? false,
      });
      process.stdout.write(list);
    });
  checkpoints
    .command("restore <machine> <image> <checkpoint>")
    .description("put one in the place of the image, which is kept under another name")
    .option("--ignore-lease", "even while the machine says that it uses the image: after its key was shut out")
    .action(async (machine: string, image: string, name: string, options: { ignoreLease?: boolean }) => {
      const ignoresLease = options.ignoreLease ?? false;
      const done = await restoreCheckpoint(makeExec().exec, await load(), { machine, image, name, ignoresLease });
      process.stdout.write(`${done}\n`);
    });
  command.addHelpText(
    "after",
    `
Examples:
  luksmith-helper check-config
  luksmith-helper firewall apply
  luksmith-helper checkpoints list --machine lm-web01
  luksmith-helper checkpoints restore lm-web01 images/home.luks 2026-11-23T02-00-00Z`,
  );
  try {
    await command.parseAsync(argv);
    return 0;
  } catch (error) {
    return usageExit(error instanceof CommanderError ? error : callError(error));
  }
}
