import type { Command } from "commander";
import { acceptRollback, addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

interface Options {
  ignoreCase?: true;
  acceptRollback?: true;
}

export function addFindCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("find")
    .helpGroup(groups.backup)
    .summary("which snapshots hold a file")
    .description(
      "Looks for files and directories in all snapshots of JOB, or in one: for each path its states, by size and time, " +
        "and the snapshots that have them. PATTERN is a name, or with a slash in it a whole path, in which * stands for " +
        "slashes as well; * ? and [...] are as in a shell, and ? is one byte. Quote it.",
    )
    .argument("<snapshots>", "JOB for all of its snapshots, or JOB@SNAPSHOT", parseSnapshotReference)
    .argument("<pattern>", "such as letter.txt, '*.odt' or '/home/*/letter.txt'")
    .option("-i, --ignore-case", "take small and capital letters for the same")
    .option(...acceptRollback)
    .action(({ job, snapshot }: SnapshotReference, pattern: string, options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showFound } = await import("../show/found.ts");
        await showFound(session, {
          job,
          snapshot,
          pattern,
          ignoreCase: options.ignoreCase === true,
          acceptRollback: options.acceptRollback === true,
        });
      }),
    );
  addExamples(command, [
    ["luksmith find home letter.txt", "every letter.txt, and the snapshots that have it"],
    ["luksmith find home '/home/alice/*.odt'", "documents of alice, wherever below her home"],
    ["luksmith find home@latest '*.bak'", "in the newest snapshot alone"],
  ]);
}
