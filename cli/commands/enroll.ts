import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { addExamples, groups } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";

interface Options {
  token?: string;
  tokenFile?: string;
  ca?: string[];
  replace?: true;
}

export function addEnrollCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("enroll")
    .helpGroup(groups.setup)
    .summary("make this machine one of a fleet")
    .description(
      "Has the agent make a key and a controller of the fleet issue a certificate for it. An operator makes the token, " +
        "and the whole line, with luksmith fleet token create. What the controller may ask of the machine is for the " +
        "machine's own configuration to say (`controller.allow`). Root only.",
    )
    .argument("<address...>", "where controllers listen, HOST:PORT, in the order in which they are to be tried")
    .option("--token <token>", "the token; others on this machine can see it while the command runs")
    .option("--token-file <file>", "the first line of this file; - is standard input")
    .option("--ca <fingerprint>", "the fleet's authority, sha256:...; may be given several times", collect)
    .option("--replace", "although the machine is in a fleet: it leaves that one")
    .action((addresses: string[], options: Options, self: Command) => {
      if ((options.token === undefined) === (options.tokenFile === undefined)) {
        throw new LuksmithError("usage", "one token is needed", { hint: "--token TOKEN, or --token-file FILE" });
      }
      const { ca } = options;
      if (ca === undefined) {
        throw new LuksmithError("usage", "it is not said which authority to believe", {
          hint: "--ca sha256:..., as luksmith fleet token create prints it",
        });
      }
      return withSession(invocation, self, async (session) => {
        const { checkedOrder, enroll } = await import("../show/enroll.ts");
        const { readTokenFrom } = await import("../token-input.ts");
        const token = options.token ?? (await readTokenFrom(options.tokenFile ?? "-"));
        await enroll(session, checkedOrder(addresses, token, ca, options.replace === true));
      });
    });
  addExamples(command, [
    [
      "luksmith enroll fleet.example.net:7443 --token lsm_... --ca sha256:...",
      "the line that luksmith fleet token create prints",
    ],
    [
      "luksmith enroll fleet1.example.net:7443 fleet2.example.net:7443 --token-file - --ca sha256:... < token",
      "two controllers, and a token that nobody sees",
    ],
  ]);
}

export function addLeaveCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("leave")
    .helpGroup(groups.setup)
    .summary("take this machine out of its fleet")
    .description(
      "Removes the machine's key and certificate. What the controller knows of the machine stays there until an operator " +
        "revokes it (luksmith fleet revoke). Root only.",
    )
    .action((_options: unknown, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { leave } = await import("../show/enroll.ts");
        await leave(session);
      }),
    );
  addExamples(command, [["luksmith leave", "from now on no controller can ask anything of it"]]);
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value];
}
