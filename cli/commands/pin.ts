import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { addExamples, detach, groups, snapshotHelp } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { parseSnapshotReference, type SnapshotReference } from "../snapshot-reference.ts";

export function addPinCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("pin")
    .helpGroup(groups.backup)
    .summary("keep a snapshot whatever the rules say")
    .description(
      "No rule of `keep` removes a pinned snapshot, and neither does luksmith prune --snapshot. Who pins one again with " +
        "another note changes the note.",
    )
    .argument("<snapshot>", "JOB@SNAPSHOT", named)
    .option("--note <text>", "why: shown wherever the snapshot is")
    .option(...detach)
    .addHelpText("after", snapshotHelp)
    .action(({ job, snapshot }: SnapshotReference, options: { note?: string; detach?: true }, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(() => session.agent.pinSnapshot({ job, snapshot, note: options.note ?? "" }), {
          detach: options.detach === true,
        }),
      ),
    );
  addExamples(command, [['luksmith pin home@2026-11-23 --note "before the upgrade"', "the newest of that day stays"]]);
}

export function addUnpinCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("unpin")
    .helpGroup(groups.backup)
    .summary("leave a snapshot to the rules again")
    .description("Takes back what luksmith pin has done. Removes nothing: the next prune may.")
    .argument("<snapshot>", "JOB@SNAPSHOT", named)
    .option(...detach)
    .addHelpText("after", snapshotHelp)
    .action(({ job, snapshot }: SnapshotReference, options: { detach?: true }, self: Command) =>
      withSession(invocation, self, (session) =>
        session.run(() => session.agent.unpinSnapshot({ job, snapshot }), { detach: options.detach === true }),
      ),
    );
  addExamples(command, [["luksmith unpin home@2026-11-23T02-00-00Z", "this one"]]);
}

/** "The newest" is another one tomorrow: which it is, is to be said. */
function named(text: string): SnapshotReference {
  const reference = parseSnapshotReference(text);
  if (reference.snapshot !== "") return reference;
  throw new LuksmithError("usage", "say which snapshot", {
    hint: `${reference.job}@NAME, as luksmith snapshots ${reference.job} shows it; or ${reference.job}@latest`,
  });
}
