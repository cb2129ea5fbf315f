/** Operators made, ended, and given another certificate. */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import type { Authorities, FreshCertificate } from "../authority/authorities.ts";
import { Selector } from "../selector/selector.ts";
import { revokeCertificates } from "../store/certificates.ts";
import { lock } from "../store/lock.ts";
import {
  addOperator,
  getOperator,
  listOperators,
  type NewOperator,
  type OperatorRow,
  revokeOperator,
} from "../store/operators.ts";
import type { Store } from "../store/store.ts";
import type { Role } from "./rights.ts";

/** What a certificate can carry. */
const namePattern = /^[a-z0-9][a-z0-9._-]{0,63}$/;

export interface OperatorRequest {
  readonly name: string;
  readonly role: Role;
  /** A selector; empty: every machine. */
  readonly scope: string;
  /** PKCS #10: its key stays with whoever made it. */
  readonly certificateRequest: Uint8Array;
}

export class OperatorAccounts {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #authorities: Authorities;

  constructor(store: Store, clock: Clock, authorities: Authorities) {
    this.#store = store;
    this.#clock = clock;
    this.#authorities = authorities;
  }

  /** @throws {LuksmithError} "usage" for what cannot be, "exists" */
  async create(request: OperatorRequest, createdBy: string): Promise<{ row: OperatorRow; fresh: FreshCertificate }> {
    const { name, role } = request;
    if (!namePattern.test(name)) {
      throw new LuksmithError("usage", `${quoteText(name)} cannot be the name of an operator`, {
        hint: "1 to 64 of a-z, 0-9, ., _ and -, beginning with a letter or a digit",
      });
    }
    const scope = scopeOf(request.scope);
    const fresh = await this.#authorities.issueClient({ kind: "operator", name }, request.certificateRequest);
    const row: NewOperator = { name, role, scope, createdMs: this.#clock.now().getTime(), createdBy };
    await this.#store.transaction(async (transaction) => {
      if (!(await addOperator(transaction, row))) {
        throw new LuksmithError("exists", `there is an operator ${name} already`, {
          hint: `another name, or first: luksmith fleet operator revoke ${name}`,
        });
      }
      await this.#authorities.record(transaction, fresh);
    });
    return { row: { ...row, revokedMs: undefined, lastSeenMs: undefined }, fresh };
  }

  /** Its connections end at once, wherever they are. @throws {LuksmithError} "not_found"; "usage" for the last who could name others */
  async revoke(name: string): Promise<OperatorRow> {
    const nowMs = this.#clock.now().getTime();
    const revoked = await this.#store.transaction(async (transaction) => {
      await lock(transaction, "operators");
      const row = await getOperator(transaction, name);
      if (row === undefined) {
        throw new LuksmithError("not_found", `there is no operator ${quoteText(name)}`, {
          hint: "luksmith fleet operators",
        });
      }
      if (row.revokedMs !== undefined) return row;
      if (isFullAdmin(row) && (await listOperators(transaction)).filter(isFullAdmin).length === 1) {
        throw new LuksmithError("usage", `${name} is the last admin of the whole fleet`, {
          hint: "first another one: luksmith fleet operator create NAME --role admin --out FILE",
        });
      }
      await revokeOperator(transaction, name, nowMs);
      await revokeCertificates(transaction, { kind: "operator", name }, nowMs);
      return { ...row, revokedMs: nowMs };
    });
    this.#store.notices.tell("certificate", name);
    this.#store.notices.tell("operator", name);
    return revoked;
  }

  /** The certificates that there were count until they expire. @throws {LuksmithError} "usage", "denied" */
  async renew(name: string, certificateRequest: Uint8Array): Promise<FreshCertificate> {
    const fresh = await this.#authorities.issueClient({ kind: "operator", name }, certificateRequest);
    await this.#store.transaction(async (transaction) => {
      await lock(transaction, "operators");
      const row = await getOperator(transaction, name);
      if (row === undefined || row.revokedMs !== undefined) {
        throw new LuksmithError("denied", `${name} is no operator of this fleet any more`);
      }
      await this.#authorities.record(transaction, fresh);
    });
    return fresh;
  }
}

function isFullAdmin({ role, scope, revokedMs }: OperatorRow): boolean {
  return role === "admin" && scope === "" && revokedMs === undefined;
}

function scopeOf(text: string): string {
  if (text === "") return "";
  const scope = Selector.parse(text);
  return scope.isAll ? "" : scope.text;
}
