import type { Command } from "commander";
import { LuksmithError } from "../../common/errors.ts";
import { type LabelText, labelList, machineName, namePattern, tokenId } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";
import { countUpTo, duration } from "../names.ts";

interface CreateOptions {
  labels?: LabelText[];
  ttl: number;
  uses: number;
  name?: string;
  names?: string;
}

const halfHourMs = 1_800_000;
const mostUses = 100_000;

export function addFleetTokenCommand(fleet: Command, invocation: Invocation): void {
  const token = fleet
    .command("token")
    .summary("join tokens: what a machine shows that is not one of the fleet yet")
    .description(
      "A join token lets a machine enrol, so many times and for so long. The controller keeps a hash of it alone.",
    );
  addCreateCommand(token, invocation);
  addListCommand(token, invocation);
  addRevokeCommand(token, invocation);
  addExamples(token, [
    ["luksmith fleet token create --labels env=prod", "the line to type on the machine"],
    ["luksmith fleet token list", "which there are"],
  ]);
}

function addCreateCommand(token: Command, invocation: Invocation): void {
  const command = token
    .command("create")
    .summary("make a token, and print the line to type on the machine")
    .description(
      "Prints the one line to type as root on the machine that is to join. It has the token, and the fingerprint by which " +
        "the machine knows the fleet's authority. Without --name and --names each machine that comes has to be confirmed: " +
        "luksmith fleet accept.",
    )
    .option("--labels <list>", "labels of the machines that come with it, such as env=prod,role=web", labelList)
    .option("--ttl <duration>", "how long it is good", duration, halfHourMs)
    .option("--uses <count>", "for how many machines", countUpTo(mostUses), 1)
    .option("--name <name>", "the name of the one machine that it is for", machineName)
    .option("--names <pattern>", 'a machine may have its host name if that fits, such as "web-*"', namePattern)
    .action((options: CreateOptions, self: Command) => {
      if (options.name !== undefined && (options.names !== undefined || options.uses !== 1)) {
        throw new LuksmithError("usage", "--name is for one machine: it goes with neither --names nor --uses", {
          hint: "--names PATTERN is for several, such as --names 'web-*' --uses 20",
        });
      }
      return withFleet(invocation, self, async (session) => {
        const { createToken } = await import("../show/fleet-tokens.ts");
        await createToken(session, {
          labels: options.labels ?? [],
          ttlMs: options.ttl,
          uses: options.uses,
          name: options.name ?? "",
          namePattern: options.names ?? "",
        });
      });
    });
  // commander would show milliseconds
  command.options.find(({ long }) => long === "--ttl")?.default(halfHourMs, "30m");
  addExamples(command, [
    ["luksmith fleet token create --labels env=prod --ttl 30m --uses 1", "for one machine"],
    ["luksmith fleet token create --name db01", "that is called so from the beginning"],
    ["luksmith fleet token create --names 'web-*' --uses 20 --ttl 1d", "for twenty that are set up by a script"],
  ]);
}

function addListCommand(token: Command, invocation: Invocation): void {
  const command = token
    .command("list")
    .summary("which tokens there are")
    .description("Lists the tokens, with what is left of them. The secrets themselves are stored nowhere.")
    .action((_options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { showTokens } = await import("../show/fleet-tokens.ts");
        await showTokens(session);
      }),
    );
  addExamples(command, [["luksmith fleet token list", "which are still good"]]);
}

function addRevokeCommand(token: Command, invocation: Invocation): void {
  const command = token
    .command("revoke")
    .summary("make a token good for nothing")
    .description("Nobody can enrol with the token any more. Machines that came with it stay.")
    .argument("<token>", "its id, as luksmith fleet token list shows it", tokenId)
    .action((id: string, _options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { revokeToken } = await import("../show/fleet-tokens.ts");
        await revokeToken(session, id);
      }),
    );
  addExamples(command, [["luksmith fleet token revoke t7c2m4", "one that somebody else may have read"]]);
}
