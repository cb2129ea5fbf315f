/**
 * What the machine shows to a controller and whom it believes, in one file: key and certificate are replaced together or not at all, so
 * that whatever is interrupted leaves a pair that works.
 */

import { createPrivateKey, type X509Certificate } from "node:crypto";
import { rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";
import { syncDirectory, writeFileDurably } from "../../common/durable-file.ts";
import { LuksmithError } from "../../common/errors.ts";
import { parseAddress } from "../../common/fleet/address.ts";
import { certificatesIn, issuerAmong, readCertificate } from "../../common/fleet/certificate.ts";
import { readIfThere } from "../../common/if-there.ts";
import { parseJson } from "../../common/parse-json.ts";
import type { Credentials } from "../../proto/gen/luksmith/v1/fleet.ts";

/** Also one that a later version has written, with more in it. */
const identitySchema = z.object({
  format: z.literal(1),
  machineId: z.string().min(1),
  /** PEM, as the next two. */
  certificate: z.string(),
  /** PKCS #8. */
  key: z.string(),
  /** All that are trusted. */
  authorities: z.string(),
  /** "host:port", all that a controller has named. */
  addresses: z.array(z.string()),
  /** Where that controller was itself: whatever it has named, somebody was there. */
  namedAt: z.string().default(""),
  /** Ids of controllers that count no more, as far as the machine has heard. */
  revokedControllers: z.array(z.string()).default([]),
});

type StoredIdentity = z.infer<typeof identitySchema>;
export type MachineIdentity = Readonly<Omit<StoredIdentity, "format">>;

/** More are none that anybody would try. */
const addressesMax = 32;
/** A fleet has a handful of controllers. */
const revokedMax = 64;
const controllerPattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** What is left out stays as it is. */
export interface KeptTrust {
  readonly authorities?: string;
  readonly addresses?: readonly string[];
  /** Along with addresses. */
  readonly namedAt?: string;
  readonly revokedControllers?: readonly string[];
}

export class IdentityFile {
  readonly path: string;
  readonly #onChange: () => void;
  /** What changes the file reads it first: one after the other. */
  #turn: Promise<unknown> = Promise.resolve();

  /** @param onChange hears when the machine is enrolled, has another certificate, or has left */
  constructor(stateDir: string, onChange: () => void = () => undefined) {
    this.path = join(stateDir, "fleet", "identity.json");
    this.#onChange = onChange;
  }

  /** @returns undefined when the machine is not enrolled @throws {LuksmithError} "config" when what is there cannot be used */
  async read(): Promise<MachineIdentity | undefined> {
    const text = await readIfThere(this.path);
    if (text === undefined) return undefined;
    const parsed = identitySchema.safeParse(parseJson(text));
    if (parsed.success) {
      const { format: _format, ...identity } = parsed.data;
      return identity;
    }
    throw new LuksmithError("config", `the machine's identity in ${this.path} is damaged`, {
      hint: "enrol again: luksmith enroll ADDRESS --token ... --ca ... --replace",
    });
  }

  /**
   * After the machine has enrolled.
   * @param key that the request was made with
   * @param at the address of the controller that has issued this
   * @throws {LuksmithError} "refused" when what was issued does not fit
   */
  async enrolled(machineId: string, key: string, credentials: Credentials, at = ""): Promise<void> {
    const identity = { ...issuedTo(machineId, key, credentials), namedAt: at };
    await this.#inTurn(() => this.#write(identity));
    this.#onChange();
  }

  /**
   * Another key and certificate for the same machine, by an authority that is trusted already: nobody else is believed because of it.
   * @param ask gives the request (PKCS #10, DER) to a controller
   * @param at the address of that controller
   * @throws what `ask` throws; {LuksmithError} "refused" when what it brings does not fit, "not_found" when the machine has left meanwhile
   */
  async renew(ask: (request: Uint8Array) => Promise<Credentials | undefined>, at: string): Promise<void> {
    const before = await this.#required();
    // the library that makes requests is large, and needed once in weeks
    const { makeKeyAndRequest } = await import("../../common/fleet/certificate-request.ts");
    const { key, request } = await makeKeyAndRequest();
    const credentials = await ask(request);
    if (credentials === undefined) throw new LuksmithError("refused", "the controller has issued no certificate");
    await this.#inTurn(async () => {
      const now = await this.#required();
      if (now.machineId === before.machineId) {
        const { authorities, revokedControllers } = now;
        const named = credentials.addresses.length === 0 ? now : { addresses: credentials.addresses, namedAt: at };
        const issued = issuedTo(now.machineId, key, { ...credentials, authorities, addresses: [...named.addresses] });
        return this.#write({ ...issued, namedAt: named.namedAt, revokedControllers });
      }
      throw enrolledAnew();
    });
    this.#onChange();
  }

  /**
   * What is left out stays as it is.
   * @param machineId who was told it: one that has been enrolled elsewhere meanwhile believes others
   * @throws {LuksmithError} "refused" for what are no authorities or addresses, "not_found" for another machine
   */
  async keepTrust(trust: KeptTrust, machineId: string): Promise<void> {
    const { authorities, addresses, namedAt = "", revokedControllers } = trust;
    // as it was read here: OpenSSL passes over what does not begin a line, and would believe others than were looked at
    const pem = authorities === undefined ? undefined : requireAuthorities(authorities).join("");
    if (revokedControllers !== undefined) requireControllers(revokedControllers);
    await this.#inTurn(async () => {
      const before = await this.#required();
      if (before.machineId !== machineId) throw enrolledAnew();
      await this.#write({
        ...before,
        authorities: pem ?? before.authorities,
        ...(addresses === undefined ? {} : { addresses: requireAddresses(addresses), namedAt }),
        revokedControllers: [...(revokedControllers ?? before.revokedControllers)],
      });
    });
  }

  /** The key goes with it. @returns the machine's id, empty if it could not be read; undefined when there was nothing */
  async forget(): Promise<string | undefined> {
    const machineId = await this.#inTurn(async () => {
      const before = await this.read().catch(() => ({ machineId: "" }));
      if (before === undefined) return undefined;
      await rm(this.path, { force: true });
      await syncDirectory(dirname(this.path));
      return before.machineId;
    });
    if (machineId !== undefined) this.#onChange();
    return machineId;
  }

  async #required(): Promise<MachineIdentity> {
    const identity = await this.read();
    if (identity !== undefined) return identity;
    throw new LuksmithError("not_found", "the machine is in no fleet", {
      hint: "luksmith enroll ADDRESS --token ... --ca ...",
    });
  }

  async #write(identity: MachineIdentity): Promise<void> {
    const { addresses, revokedControllers, namedAt, ...rest } = identity;
    const stored: z.input<typeof identitySchema> = {
      ...{ format: 1, ...rest, addresses: [...addresses], revokedControllers: [...revokedControllers] },
      // an earlier version knows nothing of it, and it is needed only then
      ...(namedAt === "" || addresses.includes(namedAt) ? {} : { namedAt }),
    };
    await writeFileDurably(this.path, `${JSON.stringify(stored, null, 2)}\n`, 0o600);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#turn.then(work);
    this.#turn = mine.catch(() => undefined);
    return mine;
  }
}

/** @throws {LuksmithError} "refused" unless it is this machine's, of this key, and by one of the authorities that come with it */
function issuedTo(machineId: string, key: string, credentials: Credentials): MachineIdentity {
  const { certificate, authorities, addresses } = credentials;
  const [own] = certificatesIn(certificate);
  const { identity } = readCertificate(own);
  if (identity?.kind !== "machine" || identity.name !== machineId) throw unfit("it is another's");
  if (!own.checkPrivateKey(createPrivateKey(key))) throw unfit("it is of another key");
  if (issuerAmong(own, requireAuthorities(authorities)) === undefined)
    throw unfit("no authority of the fleet signed it");
  return {
    ...{ machineId, certificate, key, authorities },
    ...{ addresses: requireAddresses(addresses), namedAt: "", revokedControllers: [] },
  };
}

function requireAuthorities(pem: string): readonly X509Certificate[] {
  const authorities = certificatesIn(pem);
  if (authorities.every(({ ca }) => ca)) return authorities;
  throw new LuksmithError("refused", "the controller names an authority that is none");
}

function requireAddresses(addresses: readonly string[]): string[] {
  if (addresses.length <= addressesMax && addresses.every((address) => parseAddress(address) !== undefined)) {
    return [...addresses];
  }
  throw new LuksmithError("refused", "the controller names addresses that are none");
}

function requireControllers(ids: readonly string[]): void {
  if (ids.length <= revokedMax && ids.every((id) => controllerPattern.test(id))) return;
  throw new LuksmithError("refused", "the controller names controllers that are none");
}

function enrolledAnew(): LuksmithError {
  return new LuksmithError("not_found", "the machine has been enrolled anew meanwhile");
}

function unfit(why: string): LuksmithError {
  return new LuksmithError("refused", `the certificate that the controller has issued cannot be used: ${why}`);
}
