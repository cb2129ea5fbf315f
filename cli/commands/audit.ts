import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { countUpTo, userName, verbName } from "../names.ts";
import { type Moment, pastMoment } from "../past-moment.ts";

interface Options {
  user?: string;
  verb?: string;
  refused?: true;
  since?: Moment;
  limit: number;
  all?: true;
}

/** More of them are better had all: --all. */
const maxEntries = 10_000;

export function addAuditCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("audit")
    .helpGroup(groups.watching)
    .summary("who asked for what, and what was decided")
    .description(
      "Shows the newest decisions about calls of the agent, allowed and refused, and the runs that came of them; the " +
        "newest last. For root, and those to whom `access` grants audit.",
    )
    .option("--user <user>", "of this user only: a name or a uid", userName)
    .option("--verb <verb>", "of this verb only, as in `allow` of a rule", verbName)
    .option("--refused", "only what was refused")
    .option("--since <time>", "not older than this: 2h, 2026-11-23 or 2026-11-23T02:00:00Z", pastMoment)
    .option("--limit <count>", "the newest so many", countUpTo(maxEntries), 100)
    .option("--all", "everything that is kept, whatever --limit says")
    .action((options: Options, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showAudit } = await import("../show/audit.ts");
        await showAudit(session, {
          user: options.user ?? "",
          verb: options.verb ?? "",
          refusedOnly: options.refused === true,
          since: options.since?.before(session.clock.now()),
          limit: options.all ? 0 : options.limit,
        });
      }),
    );
  addExamples(command, [
    ["luksmith audit --refused --since 1d", "what was refused since yesterday"],
    ["luksmith audit --user alice --verb restore", "what alice restored, or tried to"],
    ["luksmith audit --all --json > audit.jsonl", "all of it, for a program"],
  ]);
}
