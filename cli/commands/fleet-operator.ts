import { type Command, Option } from "commander";
import { operatorName, selector } from "../fleet/names.ts";
import { addExamples } from "../help-text.ts";
import { type Invocation, withFleet } from "../invocation.ts";

interface CreateOptions {
  role: "viewer" | "operator" | "admin";
  scope?: string;
  out: string;
}

export function addFleetOperatorCommand(fleet: Command, invocation: Invocation): void {
  const operator = fleet
    .command("operator")
    .summary("make and revoke operators, renew your own credential")
    .description(
      "An operator is a person or a program with a credential: viewers see, operators start and cancel runs as well, admins " +
        "enrol and revoke machines, apply schedules and make operators. Each may be confined to some machines.",
    );
  addCreateCommand(operator, invocation);
  addRenewCommand(operator, invocation);
  addRevokeCommand(operator, invocation);
  addExamples(operator, [
    ["luksmith fleet operator create alice --role operator --out alice.yaml", "a credential for alice"],
    ["luksmith fleet operator revoke alice", "which counts no more"],
  ]);
}

function addCreateCommand(operator: Command, invocation: Invocation): void {
  const command = operator
    .command("create")
    .summary("make an operator, and write the credential")
    .description(
      "Makes a key here, has the fleet's authority certify it, and writes both to FILE, for you alone to read. The key never " +
        "leaves this machine but by the way on which you bring FILE to its owner. The certificate renews itself when it is used.",
    )
    .argument("<name>", "what the operator is called, also on record", operatorName)
    .addOption(
      new Option("--role <role>", "what the operator may do")
        .choices(["viewer", "operator", "admin"])
        .makeOptionMandatory(),
    )
    .option("--scope <selector>", "for these machines only (default: every machine)", selector)
    .requiredOption("--out <file>", "where the credential is put; must not be there yet")
    .action((name: string, options: CreateOptions, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { resolve } = await import("node:path");
        const { Role } = await import("../../proto/gen/luksmith/v1/controller.ts");
        const { createOperator } = await import("../show/fleet-operators.ts");
        const roles = { viewer: Role.VIEWER, operator: Role.OPERATOR, admin: Role.ADMIN };
        const made = { name, role: roles[options.role], scope: options.scope ?? "" };
        await createOperator(session, made, resolve(options.out));
      }),
    );
  addExamples(command, [
    ["luksmith fleet operator create alice --role operator --scope env=prod --out alice.yaml", "for some machines"],
    ["luksmith fleet operator create monitor --role viewer --out monitor.yaml", "for a program that looks"],
  ]);
}

function addRenewCommand(operator: Command, invocation: Invocation): void {
  const command = operator
    .command("renew")
    .summary("renew your own credential now")
    .description(
      "Makes another key and has the fleet certify it. It happens by itself once a day when a credential is used; while the " +
        "fleet's authority is being changed, operators who are behind can be asked to do it at once.",
    )
    .action((_options: unknown, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { renewOperator } = await import("../show/fleet-operators.ts");
        await renewOperator(session);
      }),
    );
  addExamples(command, [["luksmith fleet operator renew", "after luksmith fleet ca rotate next"]]);
}

function addRevokeCommand(operator: Command, invocation: Invocation): void {
  const command = operator
    .command("revoke")
    .summary("end the rights of an operator")
    .description(
      "The credential counts no more, and whatever the operator watches ends at once. What is on record stays.",
    )
    .argument("<name>", "the operator", operatorName)
    .option("-y, --yes", "do not ask")
    .action((name: string, { yes = false }: { yes?: boolean }, self: Command) =>
      withFleet(invocation, self, async (session) => {
        const { revokeOperator } = await import("../show/fleet-operators.ts");
        await revokeOperator(session, name, yes);
      }),
    );
  addExamples(command, [["luksmith fleet operator revoke alice", "when she has left, or lost the file"]]);
}
