/** The controller's command line. */

import { resolve } from "node:path";
import { Command } from "commander";
import { ourUser } from "../common/access-fault.ts";
import { systemClock } from "../common/clock.ts";
import { usageExit } from "../common/command-line.ts";
import { LuksmithError } from "../common/errors.ts";
import { parseAddress, showAddress } from "../common/fleet/address.ts";
import { showPin } from "../common/fleet/pin.ts";
import { makeLog } from "../common/log.ts";
import { quoteText } from "../common/quote.ts";
import { pathWord } from "../common/shell-word.ts";
import { version } from "../common/version.ts";
import { databaseFault, defaultConfigPath } from "./config/controller-config.ts";
import { type Initialised, initialise } from "./init.ts";
import { giveCommand } from "./own-files.ts";
import { type ServeFlags, serve } from "./serve.ts";

/** As `listen` is when nothing is said. */
const defaultListen = ":7443";
const defaultStateDir = "/var/lib/luksmith-controller";
/** As an operator's certificate can carry it. */
const operatorPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

interface InitFlags {
  stateDir: string;
  address: string[];
  database?: string;
  operator: string;
  credential?: string;
}

/** @returns the exit code @throws {LuksmithError} */
export async function controllerCommand(argv: readonly string[]): Promise<number> {
  const command = new Command("luksmith-controller")
    .description("watches over a fleet of machines that back themselves up with luksmith")
    .version(version)
    .exitOverride();
  command
    .command("init")
    .description("begin a fleet: its authority, the credential of its first operator, its database")
    .requiredOption(
      "--address <host:port>",
      "where machines and operators reach this controller; may be given several times",
      addAddress,
      [],
    )
    .option("--state-dir <directory>", "for the secret, and the SQLite file", absolute, defaultStateDir)
    .option(
      "--database <place>",
      "postgres:// URL or the path of an SQLite file (default: controller.db in --state-dir)",
    )
    .option("--operator <name>", "the first operator, an admin", operatorName, "admin")
    .option("--credential <file>", "where the operator's credential is written (default: OPERATOR.yaml in --state-dir)")
    .addHelpText(
      "after",
      `
One that was interrupted is finished by the same command; one that is finished is refused.

Examples:
  luksmith-controller init --address fleet.example.net:7443
  luksmith-controller init --address fleet.example.net:7443 --database postgres://luksmith@db.example.net/luksmith`,
    )
    .action(async (flags: InitFlags) => {
      if (flags.address.length === 0) {
        throw new LuksmithError("usage", "it is not said where machines reach this controller", {
          hint: "luksmith-controller init --address HOST:PORT",
        });
      }
      const options = {
        stateDir: flags.stateDir,
        database: databasePlace(flags.database ?? `${flags.stateDir}/controller.db`),
        addresses: flags.address,
        operator: flags.operator,
        credentialFile: resolve(flags.credential ?? `${flags.stateDir}/${flags.operator}.yaml`),
      };
      const done = await initialise(options, systemClock, makeLog("controller", "error"));
      process.stdout.write(initialisedText(done, flags));
    });
  let exitCode = 0;
  command
    .command("serve")
    .description("serve the fleet: machines, operators, alerts, metrics")
    .option("-c, --config <file>", `configuration (default: ${defaultConfigPath}, if it is there)`)
    .option("--state-dir <directory>", "where the secret is, and the SQLite file", absolute)
    .option("--database <place>", "postgres:// URL or the path of an SQLite file", databasePlace)
    .option("--listen <address>", "where machines and operators connect (TLS), such as :7443")
    .option("--http <address>", "metrics and health, such as 127.0.0.1:7480")
    .option("--check-config", "read the configuration, say every fault in it, and end")
    .option("--config-schema", "print the JSON schema of the configuration, for editors, and end")
    .addHelpText(
      "after",
      `
There is a configuration, or there are options; not both.

Examples:
  luksmith-controller serve
  luksmith-controller serve --check-config --config /etc/luksmith/controller.yaml
  luksmith-controller serve --state-dir /srv/fleet --listen 127.0.0.1:7443`,
    )
    .action(async (flags: ServeFlags) => {
      exitCode = await serve(flags);
    });
  command.addHelpText(
    "after",
    `
Examples:
  luksmith-controller init --address fleet.example.net:7443
  luksmith-controller serve`,
  );
  try {
    await command.parseAsync(argv);
    return exitCode;
  } catch (error) {
    return usageExit(error);
  }
}

function initialisedText(
  { secretFile, database, credentialFile, authority }: Initialised,
  { stateDir, database: asked, address: addresses }: Pick<InitFlags, "stateDir" | "database" | "address">,
): string {
  // the first address is this controller's own; others may be those of controllers that follow
  const port = addresses[0]?.slice(addresses[0].lastIndexOf(":")) ?? defaultListen;
  const options = [
    ...(stateDir === defaultStateDir ? [] : [` --state-dir ${stateDir}`]),
    ...(port === defaultListen ? [] : [` --listen ${port}`]),
    ...(asked === undefined ? [] : [` --database ${database}`]),
  ].join("");
  const isElsewhere = !database.includes("://") && !database.startsWith(`${stateDir}/`);
  const whose =
    ourUser().uid === 0
      ? `All of this is root's now. Before a service with a user of its own serves, as by luksmith-controller.service:
  ${giveCommand(stateDir, "luksmith-controller")}${isElsewhere ? ` ${pathWord(database)}` : ""}

`
      : "";
  return `secret      ${secretFile}
            what seals the authority's key: keep a copy apart from the database
database    ${database}
operator    ${credentialFile}
            the first operator's credential: bring it to where luksmith fleet is typed, and keep it there alone
authority   ${showPin(authority)}

${whose}Next:
  luksmith-controller serve${options}
  luksmith fleet --fleet ${credentialFile} token create --labels env=prod
`;
}

function addAddress(text: string, before: readonly string[]): string[] {
  const address = parseAddress(text);
  if (address !== undefined) return [...before, showAddress(address)];
  throw new LuksmithError("usage", `${quoteText(text)} is no address`, {
    hint: "HOST:PORT, such as fleet.example.net:7443; an IPv6 address in brackets",
  });
}

function operatorName(text: string): string {
  if (operatorPattern.test(text)) return text;
  throw new LuksmithError("usage", `${quoteText(text)} is not the name of an operator`, {
    hint: "1 to 64 of a-z, 0-9, ., _ and -, beginning with a letter or a digit",
  });
}

function absolute(path: string): string {
  return resolve(path);
}

function databasePlace(text: string): string {
  const place = text.includes("://") ? text : resolve(text);
  const fault = databaseFault(place);
  if (fault === undefined) return place;
  // a URL is not told: it may have a password
  throw new LuksmithError("usage", `--database ${fault}`);
}
