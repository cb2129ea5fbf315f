/**
 * The one place that says whether a call may go on: who the kernel says is calling, against what the rules grant. Each
 * decision is written down here, before the call goes on.
 */

import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { nearest } from "../../common/nearest.ts";
import { quoteText } from "../../common/quote.ts";
import type { AuditLog, Granted, LineWeight } from "../audit/audit-log.ts";
import type { AccessRule } from "../config/access-rule.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { type PeerCredentials, parsePeer } from "./peer-credentials.ts";
import { type AccessTarget, admit, type Decision, decide, type PolicyCaller } from "./policy.ts";
import type { Account, UserDatabase } from "./user-database.ts";
import { type AccessVerb, accessVerbs } from "./verb.ts";

export interface AuthorizedCaller extends PolicyCaller, PeerCredentials {
  /** The decision by which the call goes on. */
  readonly granted: Granted;
  /** Whether they may know of a run like this. */
  sees(run: AccessTarget): boolean;
}

/** Looking root up would only add a way to fail. */
const root: Account = { name: "root", groups: ["root"] };

/**
 * What is decided about beside the verbs that rules can grant: questions about rights, whether there is room for one more, and what root
 * alone may do.
 */
export const otherDecidedVerbs = ["access", "connect", "call", "enroll", "leave"] as const;
type DecidedVerb = AccessVerb | (typeof otherDecidedVerbs)[number];

/** What a decision is about, as it is written down. */
interface Subject extends AccessTarget {
  readonly run?: string;
  readonly sources?: readonly string[];
}

type Identified = PolicyCaller & PeerCredentials;

export class Access {
  readonly #rules: readonly AccessRule[];
  readonly #socketGroup: string;
  readonly #users: UserDatabase;
  readonly #audit: AuditLog;

  constructor(config: Pick<AgentConfig, "access" | "socket">, users: UserDatabase, audit: AuditLog) {
    this.#rules = config.access;
    this.#socketGroup = config.socket.group;
    this.#users = users;
    this.#audit = audit;
  }

  /**
   * Who is calling, if they may do this.
   * @param peer call.getPeer(), asked before anything is awaited
   * @param target a job together with its volume; verb.ts says what each verb needs
   * @param sources that the caller names, as they were typed: written down
   * @throws {LuksmithError} "denied" with the reason
   */
  async authorize(
    peer: string,
    verb: AccessVerb,
    target: AccessTarget = {},
    sources: readonly string[] = [],
  ): Promise<AuthorizedCaller> {
    const subject = { ...target, sources };
    const caller = await this.#identify(peer, verb, subject);
    return this.#insist(caller, verb, subject, this.explain(caller, verb, target));
  }

  /**
   * The same for a run, which has to be found before it is known what it is about.
   * @param asked what the caller typed
   * @throws {LuksmithError} "denied"; what `find` throws
   */
  async authorizeRun<Found>(
    peer: string,
    verb: AccessVerb,
    asked: string,
    find: (caller: PolicyCaller) => { found: Found; target: AccessTarget; run: string },
  ): Promise<{ found: Found; caller: AuthorizedCaller }> {
    const caller = await this.#identify(peer, verb, { run: asked });
    let result: ReturnType<typeof find>;
    try {
      result = find(caller);
    } catch (error) {
      this.#write(caller, verb, { run: asked }, "refused", asLuksmithError(error).message);
      throw error;
    }
    const { found, target, run } = result;
    const decision = this.explain(caller, verb, target);
    return { found, caller: this.#insist(caller, verb, { ...target, run }, decision) };
  }

  /**
   * For what no rule can grant.
   * @param verb that was allowed already, for less
   * @param wants what it is that root alone may have, as it is written down
   * @throws {LuksmithError} "denied"
   */
  requireRoot(caller: AuthorizedCaller, verb: AccessVerb, target: AccessTarget = {}, wants?: string): AuthorizedCaller {
    return this.#insist(caller, verb, target, rootAlone(caller, wants));
  }

  /**
   * For a verb that rules do not know.
   * @param wants what is asked for, as it is written down
   * @throws {LuksmithError} "denied"
   */
  async authorizeRoot(peer: string, verb: "enroll" | "leave", wants: string): Promise<AuthorizedCaller> {
    const caller = await this.#identify(peer, verb, {});
    return this.#insist(caller, verb, {}, rootAlone(caller, wants));
  }

  /**
   * Whether the caller may have it explained what `user` may do: root about anybody, everybody about themself.
   * @param user a name or a uid; empty for the caller
   * @throws {LuksmithError} "denied"; "not_found" when there is no such user
   */
  async authorizeQuestion(peer: string, user: string): Promise<{ caller: AuthorizedCaller; about: PolicyCaller }> {
    const caller = await this.#identify(peer, "access", {});
    const isSelf = user === "" || user === caller.name || user === `${caller.uid}`;
    const decision: Decision =
      isSelf || caller.uid === 0
        ? { allowed: true, because: `asked about ${isSelf ? caller.name : quoteText(user)}` }
        : {
            allowed: false,
            reason: "only root may ask what others may do",
            hint: `luksmith access check ${caller.name} ...`,
            because: `asked about ${quoteText(user)}, who is not ${caller.name}`,
          };
    const authorized = this.#insist(caller, "access", {}, decision);
    return { caller: authorized, about: isSelf ? caller : await this.#named(user) };
  }

  /** Writes down that somebody was turned away before anything was asked for. */
  turnAway(who: PeerCredentials, verb: "connect" | "call", reason: string): void {
    const write = (name: string) => this.#write({ ...who, name }, verb, {}, "refused", reason);
    this.#account(who.uid).then(
      ({ name }) => write(name),
      () => write(""),
    );
  }

  /** The same question for one entry of a listing. */
  permits(caller: AuthorizedCaller, verb: AccessVerb, target: AccessTarget): boolean {
    return this.explain(caller, verb, target).allowed;
  }

  /** What would be decided, and why. */
  explain(caller: PolicyCaller, verb: AccessVerb, target: AccessTarget): Decision {
    return decide(caller, verb, target, this.#rules, this.#socketGroup);
  }

  /** @throws {LuksmithError} "denied" with the reason */
  async #identify(peer: string, verb: DecidedVerb, subject: Subject): Promise<Identified> {
    let credentials: Partial<PeerCredentials> = {};
    let caller: Identified;
    try {
      const known = parsePeer(peer);
      credentials = known;
      caller = { ...known, ...(known.uid === 0 ? root : await this.#account(known.uid)) };
    } catch (error) {
      this.#write(credentials, verb, subject, "refused", asLuksmithError(error).message);
      throw error;
    }
    const admitted = admit(caller, this.#socketGroup);
    if (!admitted.allowed) this.#insist(caller, verb, subject, admitted);
    return caller;
  }

  /** Writes the decision down. @throws {LuksmithError} "denied" when it is to refuse, or cannot be written down */
  #insist(caller: Identified, verb: DecidedVerb, subject: Subject, decision: Decision): AuthorizedCaller {
    const id = this.#write(caller, verb, subject, decision.allowed ? "allowed" : "refused", decision.because);
    if (!decision.allowed) throw new LuksmithError("denied", decision.reason, { hint: decision.hint });
    const granted = { id, verb, pid: caller.pid, weight: weightOf(verb, "allowed") };
    return { ...caller, granted, sees: (run) => this.explain(caller, "runs", run).allowed };
  }

  /**
   * Root goes on when nothing can be written: the day on which a disk is full may be the one on which files have to be
   * brought back.
   */
  #write(
    caller: Partial<Identified>,
    verb: DecidedVerb,
    subject: Subject,
    decision: "allowed" | "refused",
    reason: string,
  ): string {
    const { uid, pid, name = "" } = caller;
    const { volume = "", job = "", run = "", sources = [] } = subject;
    const who = { uid: uid ?? null, pid: pid ?? null, user: name };
    const weight = weightOf(verb, decision);
    try {
      const id = this.#audit.decided(
        { ...who, decision, verb, volume, job, run, sources: [...sources], reason },
        weight,
      );
      if (weight === "changes") this.#audit.flush();
      return id;
    } catch (cause) {
      if (decision === "refused" || uid === 0) return "";
      if (cause instanceof LuksmithError) {
        this.#write(caller, verb, subject, "refused", cause.message);
        throw cause;
      }
      throw new LuksmithError("denied", "what is decided cannot be written down: only root is served", {
        hint: "root: luksmith doctor",
        cause,
      });
    }
  }

  async #named(user: string): Promise<PolicyCaller> {
    const uid = await this.#users.uidOf(user);
    if (uid === 0) return { uid, ...root };
    if (uid !== undefined) return { uid, ...(await this.#users.account(uid)) };
    const near = nearest(user, await this.#users.names());
    throw new LuksmithError("not_found", `there is no user ${quoteText(user)}`, {
      hint: near === undefined ? "getent passwd lists them" : `did you mean ${quoteText(near)}?`,
    });
  }

  async #account(uid: number): Promise<Account> {
    try {
      return await this.#users.account(uid);
    } catch (cause) {
      throw new LuksmithError("denied", `the system could not be asked who uid ${uid} is`, {
        hint: asLuksmithError(cause).message,
        cause,
      });
    }
  }
}

function rootAlone({ uid }: PolicyCaller, wants: string | undefined): Decision {
  const what = wants === undefined ? "" : `: ${wants}`;
  if (uid === 0) return { allowed: true, because: `root may do everything${what}` };
  return {
    allowed: false,
    reason: "only root may do this",
    hint: "sudo luksmith ...",
    because: `only root may do this, whatever the rules say${what}`,
  };
}

/** What changes something is to leave a trace even when the power goes in the next moment. */
function weightOf(verb: DecidedVerb, decision: "allowed" | "refused"): LineWeight {
  if (decision === "refused") return "looks";
  if (!isAccessVerb(verb)) return verb === "enroll" || verb === "leave" ? "changes" : "looks";
  if (verb === "ls" || verb === "log" || verb === "audit") return "looks";
  return accessVerbs[verb].target === "listing" ? "looks" : "changes";
}

function isAccessVerb(verb: DecidedVerb): verb is AccessVerb {
  return Object.hasOwn(accessVerbs, verb);
}
