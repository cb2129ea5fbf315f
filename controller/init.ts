/**
 * The beginning of a fleet: the secret, the authority, the first operator. One that was interrupted is finished by the next; one that is
 * finished is not done again, since whoever did could take the fleet over.
 */

import { randomBytes } from "node:crypto";
import { lstat, mkdir } from "node:fs/promises";
import { ourUser, showUser, typedUser } from "../common/access-fault.ts";
import type { Clock } from "../common/clock.ts";
import { writeFileDurably } from "../common/durable-file.ts";
import { hasErrno, LuksmithError } from "../common/errors.ts";
import { makeKeyAndRequest } from "../common/fleet/certificate-request.ts";
import { operatorFileText } from "../common/fleet/operator-file.ts";
import type { Log } from "../common/log.ts";
import { pathWord } from "../common/shell-word.ts";
import { Authorities, type CertificateLives } from "./authority/authorities.ts";
import { readSecret, secretBytes, secretFile, writeSecret } from "./authority/secret-file.ts";
import { requireOwnFiles, requireRootsPlace } from "./own-files.ts";
import { authoritySettings } from "./store/authorities.ts";
import { revokeCertificates } from "./store/certificates.ts";
import { beginInitialisation, endInitialisation, readInitialisation } from "./store/first-settings.ts";
import type { Database } from "./store/schema.ts";
import { Store } from "./store/store.ts";

export interface InitOptions {
  readonly stateDir: string;
  /** "postgres://...", or the path of an SQLite file. */
  readonly database: string;
  /** Where machines and operators reach the controllers, as "host:port". */
  readonly addresses: readonly string[];
  /** Whose credential is written. */
  readonly operator: string;
  readonly credentialFile: string;
  readonly lives?: CertificateLives;
}

export interface Initialised {
  readonly secretFile: string;
  readonly database: string;
  readonly credentialFile: string;
  /** Fingerprint of the authority. */
  readonly authority: string;
}

/** @throws {LuksmithError} "exists" when the fleet has begun already; "config" when secret and database do not fit, or the directory is another user's; as {@link Store.open} */
export async function initialise(options: InitOptions, clock: Clock, log: Log): Promise<Initialised> {
  const { stateDir, database: place, operator, credentialFile } = options;
  await makeStateDir(stateDir);
  await requireRootsPlace(stateDir, credentialFile);
  await requireOwnFiles(stateDir, place);
  const store = await Store.open(place, clock, log);
  try {
    const { database } = store;
    const before = await readInitialisation(database);
    if (before.isDone) throw isBegun(store, credentialFile);
    // of somebody else's, such as another fleet's
    if (before.credentialFile !== credentialFile && (await isCredentialThere(credentialFile))) {
      throw new LuksmithError("exists", `${credentialFile} is there already`, {
        hint: "move it away, or name another file with --credential",
      });
    }
    const hasAuthority = (await authoritySettings(database)) !== undefined;
    const secret = await secretFor(stateDir, store, hasAuthority);
    const authorities = new Authorities(store, secret, clock, options.lives);
    if (!hasAuthority) await authorities.begin();
    const { key, request } = await makeKeyAndRequest();
    const fresh = await authorities.issueClient({ kind: "operator", name: operator }, request);
    await store.transaction(async (transaction) => {
      if (before.operator !== undefined) await takeBack(transaction, before.operator, clock);
      await beginInitialisation(transaction, options);
      await insertOperator(transaction, operator, clock);
      await authorities.record(transaction, fresh);
    });
    const { trusted, old } = await authorities.state();
    const { certificate } = fresh;
    const text = operatorFileText({ addresses: [...options.addresses], authorities: trusted, certificate, key });
    await writeCredential(credentialFile, text);
    await endInitialisation(database, clock.now().getTime());
    return { secretFile: secretFile(stateDir), database: store.place, credentialFile, authority: old.fingerprint };
  } catch (error) {
    throw store.error(error);
  } finally {
    await store.close();
  }
}

async function makeStateDir(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
  } catch (cause) {
    const us = ourUser();
    const name = pathWord(stateDir);
    throw new LuksmithError("config", `${showUser(us)}, as whom this runs, cannot make ${name}: ${why(cause)}`, {
      hint: `as root: install -d -m 700 -o ${typedUser(us) ?? "USER"} ${name}`,
      cause,
    });
  }
}

async function isCredentialThere(path: string): Promise<boolean> {
  return isThere(path).catch((cause: unknown) => {
    throw credentialError(cause);
  });
}

async function writeCredential(path: string, text: string): Promise<void> {
  try {
    await writeFileDurably(path, text, 0o600);
  } catch (cause) {
    throw credentialError(cause);
  }
}

function credentialError(cause: unknown): LuksmithError {
  const fault = `the credential cannot be written by ${showUser(ourUser())}, as whom this runs: ${why(cause)}`;
  return new LuksmithError("config", fault, {
    hint: "name another file with --credential: the same command goes on where this one ended",
    cause,
  });
}

function why(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** The one that is there, else a new one; never a new one beside an authority that was sealed with another. */
async function secretFor(stateDir: string, store: Store, hasAuthority: boolean): Promise<Buffer> {
  if (await isThere(secretFile(stateDir))) return readSecret(stateDir);
  if (hasAuthority) {
    throw new LuksmithError("config", `${store.place} has an authority, and ${secretFile(stateDir)} is not there`, {
      hint: "put the secret back that the authority was made with; or begin with an empty database",
    });
  }
  const secret = randomBytes(secretBytes);
  await writeSecret(stateDir, secret);
  return secret;
}

/** What an interrupted one has made of its operator: nobody has the key. */
async function takeBack(database: Database, operator: string, clock: Clock): Promise<void> {
  await revokeCertificates(database, { kind: "operator", name: operator }, clock.now().getTime());
  await database.deleteFrom("operators").where("name", "=", operator).execute();
}

async function insertOperator(database: Database, name: string, clock: Clock): Promise<void> {
  await database
    .insertInto("operators")
    .values({
      ...{ name, role: "admin", scope: "", created_ms: clock.now().getTime(), created_by: "luksmith-controller init" },
      ...{ revoked_ms: null, last_seen_ms: null },
    })
    .execute();
}

async function isThere(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    (error: unknown) => {
      if (hasErrno(error, "ENOENT")) return false;
      throw error;
    },
  );
}

function isBegun(store: Store, credentialFile: string): LuksmithError {
  return new LuksmithError("exists", `the fleet in ${store.place} has begun already`, {
    hint: `luksmith-controller serve goes on with it; ${credentialFile}, or the copy you have of it, is its first operator's`,
  });
}
