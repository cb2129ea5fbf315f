/**
 * Users and groups as the system knows them, directory services included: asked through getent(1) and id(1), which go
 * the way of nsswitch.conf(5). Remembered for a few seconds, so that a script's thousand calls do not start two
 * thousand programs, and somebody who was just removed from a group is soon out.
 */

import type { Clock } from "../../common/clock.ts";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords, mustRead } from "../../common/exec.ts";

export interface Account {
  /** Of several names for one uid, the one that the system gives. "#1234" when it knows none. */
  readonly name: string;
  readonly groups: readonly string[];
}

const rememberedMs = 5000;
/** More users than any machine has at once; the oldest is forgotten first. */
const rememberedMax = 256;
/** A directory server that is away must not hold a call up for ever. */
const lookupDeadlineMs = 10_000;
/** getent(1), EXIT STATUS: "One or more supplied key could not be found in the database." */
const notFoundExit = 2;

export class UserDatabase {
  readonly #exec: Exec;
  readonly #clock: Clock;
  readonly #accounts = new Map<number, { account: Promise<Account>; untilMs: number }>();

  constructor(exec: Exec, clock: Clock) {
    this.#exec = exec;
    this.#clock = clock;
  }

  /** @throws {LuksmithError} "tool_failed" when the system could not be asked */
  account(uid: number): Promise<Account> {
    const now = this.#clock.monotonicMs();
    const remembered = this.#accounts.get(uid);
    if (remembered && now < remembered.untilMs) return remembered.account;
    const account = this.#lookUp(uid);
    const entry = { account, untilMs: now + rememberedMs };
    this.#accounts.delete(uid);
    this.#accounts.set(uid, entry);
    for (const oldest of this.#accounts.keys()) {
      if (this.#accounts.size <= rememberedMax) break;
      this.#accounts.delete(oldest);
    }
    // the next call asks anew
    account.catch(() => this.#accounts.get(uid) === entry && this.#accounts.delete(uid));
    return account;
  }

  /** The id of a group, or undefined when there is none of that name. @throws as {@link account} */
  async groupId(name: string): Promise<number | undefined> {
    const [entry] = await this.#getent("group", [name]);
    return entry === undefined ? undefined : idOf(entry, "group");
  }

  /** @param user a name, or a uid in digits  @returns undefined when there is no such user  @throws as {@link account} */
  async uidOf(user: string): Promise<number | undefined> {
    // what no line of the database can hold is no user, and no key to look for
    if (user === "" || /[\0\n:]/.test(user)) return undefined;
    const [entry] = await this.#getent("passwd", [user]);
    return entry === undefined ? undefined : idOf(entry, "passwd");
  }

  /** With the groups, by number. @returns undefined when there is no such user  @throws as {@link account} */
  async ids(name: string): Promise<{ uid: number; gid: number; groups: number[] } | undefined> {
    const [entry] = await this.#getent("passwd", [name]);
    if (entry === undefined) return undefined;
    const gid = idOf(entry, "passwd", 3);
    const groups = new Set([gid, ...(await this.#groupIds(name)).map(Number)]);
    return { uid: idOf(entry, "passwd"), gid, groups: [...groups] };
  }

  /** Those that the system is willing to list: directory services may not. @throws as {@link account} */
  async names(): Promise<string[]> {
    return (await this.#getent("passwd", [])).map(([name = ""]) => name);
  }

  async #lookUp(uid: number): Promise<Account> {
    const [entry] = await this.#getent("passwd", [`${uid}`]);
    const name = entry?.[0];
    if (name === undefined || name === "" || idOf(entry ?? [], "passwd") !== uid)
      return { name: `#${uid}`, groups: [] };
    const ids = await this.#groupIds(name);
    // asked for no group at all, getent would list every group there is
    if (ids.length === 0) return { name, groups: [] };
    const groups = (await this.#getent("group", ids)).filter((group) => ids.includes(`${idOf(group, "group")}`));
    return { name, groups: groups.map(([group = ""]) => group).filter((group) => group !== "") };
  }

  /** By number, because id(1) fails over a group that has no name. */
  async #groupIds(user: string): Promise<string[]> {
    const args = ["-G", "-z", "--", user];
    const said = await mustRead(this.#exec, { file: "id", args, deadlineMs: lookupDeadlineMs });
    return said
      .toString()
      .split("\0")
      .filter((id) => /^\d+$/.test(id));
  }

  /** The entries that are there, each split at its colons (passwd(5), group(5)). */
  async #getent(database: "passwd" | "group", keys: readonly string[]): Promise<string[][]> {
    const finished = await this.#exec({
      file: "getent",
      args: ["--", database, ...keys],
      deadlineMs: lookupDeadlineMs,
    });
    if (finished.exitCode !== 0 && finished.exitCode !== notFoundExit) {
      throw new LuksmithError("tool_failed", `getent failed: ${lastWords(finished)}`, { cause: finished });
    }
    const lines = finished.stdout.toString().split("\n");
    return lines.filter((line) => line !== "").map((line) => line.split(":"));
  }
}

/** The third field of both databases; the fourth of a user's is the group. */
function idOf(entry: readonly string[], database: string, field: 2 | 3 = 2): number {
  const id = Number(entry[field]);
  if (!Number.isInteger(id) || entry[field] === "") {
    throw new LuksmithError("tool_failed", `getent ${database} answered with something else than an entry`);
  }
  return id;
}
