/** What luksmith-controller init has settled. */

import type { Database } from "./schema.ts";

const settings = {
  operator: "init.operator",
  credential: "init.credential",
  addresses: "init.addresses",
  done: "init.done",
} as const;

export interface Initialisation {
  /** The operator that was named first; undefined: nobody has begun. */
  readonly operator: string | undefined;
  /** Where that one's credential was to be written. */
  readonly credentialFile: string | undefined;
  /** All is there, the operator's file too. */
  readonly isDone: boolean;
}

export async function readInitialisation(database: Database): Promise<Initialisation> {
  const values = await valuesOf(database);
  return {
    operator: values.get(settings.operator),
    credentialFile: values.get(settings.credential),
    isDone: values.has(settings.done),
  };
}

/** Again for one that was interrupted. */
export async function beginInitialisation(
  database: Database,
  { operator, credentialFile, addresses }: { operator: string; credentialFile: string; addresses: readonly string[] },
): Promise<void> {
  for (const [name, value] of [
    [settings.operator, operator],
    [settings.credential, credentialFile],
    [settings.addresses, JSON.stringify(addresses)],
  ] as const) {
    await database
      .insertInto("settings")
      .values({ name, value })
      .onConflict((conflict) => conflict.column("name").doUpdateSet({ value }))
      .execute();
  }
}

export async function endInitialisation(database: Database, nowMs: number): Promise<void> {
  await database
    .insertInto("settings")
    .values({ name: settings.done, value: `${nowMs}` })
    .execute();
}

/** Where machines are told that controllers listen, should the configuration not say. */
export async function firstAddresses(database: Database): Promise<string[]> {
  const text = (await valuesOf(database)).get(settings.addresses);
  return text === undefined ? [] : (JSON.parse(text) as string[]);
}

async function valuesOf(database: Database): Promise<ReadonlyMap<string, string>> {
  const rows = await database.selectFrom("settings").selectAll().where("name", "in", Object.values(settings)).execute();
  return new Map(rows.map(({ name, value }) => [name, value]));
}
