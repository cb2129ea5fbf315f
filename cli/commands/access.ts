import type { Command } from "commander";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { jobOrVolumeName, userName, verbName } from "../names.ts";

export function addAccessCommand(program: Command, invocation: Invocation): void {
  const access = program
    .command("access")
    .helpGroup(groups.watching)
    .summary("who may do what, and by which rule")
    .description("Rights of users, as `access` in the agent's configuration grants them.");
  const command = access
    .command("check")
    .summary("may USER do VERB, and why")
    .description(
      "Says whether USER may use VERB on a job or a volume, and by which rule, or what is missing. It is what the agent " +
        "itself decides by. Root may ask about anybody, everybody about themself. The exit code is 0 when it is allowed, " +
        "1 when it is refused, 10 when there is no such user, job or volume, and 2 when there is no such verb.",
    )
    .argument("<user>", "a name or a uid", userName)
    .argument("<verb>", "as in `allow` of a rule, such as backup", verbName)
    .argument(
      "[name]",
      "a job, or a volume (if it is the name of both, the job where the verb is about jobs)",
      jobOrVolumeName,
    )
    .action((user: string, verb: string, name: string | undefined, _options: unknown, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showAccess } = await import("../show/access.ts");
        await showAccess(session, { user, verb, name: name ?? "" });
      }),
    );
  addExamples(command, [
    ["luksmith access check alice restore home", "may alice restore files of the job home"],
    ["luksmith access check $USER backup home && luksmith backup home", "only if I may"],
    ["luksmith access check alice doctor", "what is about the agent as a whole needs no name"],
  ]);
  addExamples(access, [["luksmith access check alice restore home", "may she, and why"]]);
}
