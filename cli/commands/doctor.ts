import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";

export function addDoctorCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("doctor")
    .helpGroup(groups.setup)
    .summary("is everything there that backups need?")
    .description(
      "Looks at tools and their versions, the kernel, the configuration, key files, leftovers and the backup hosts, " +
        "and says what to do. The exit code is 1 when there is a problem.",
    )
    .option("--offline", "do not connect to the backup hosts")
    .option("--fix", "release what is attached although no run uses it; for root alone")
    .action((options: { offline?: true; fix?: true }, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showFindings } = await import("../show/findings.ts");
        await showFindings(session, { online: options.offline !== true, fix: options.fix === true });
      }),
    );
  addExamples(command, [
    ["luksmith doctor", "after the installation, and whenever something is odd"],
    ["luksmith doctor --fix", "something is still mounted, and nothing runs"],
    ["luksmith doctor --json | jq 'select(.level != \"ok\")'", "only what is not well"],
  ]);
}
