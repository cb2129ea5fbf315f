import { serverStream, unary } from "../../common/grpc-call.ts";
import {
  type AgentServiceServer,
  AuditEntry_Decision,
  type ListAuditRequest,
  type AuditEntry as WireEntry,
} from "../../proto/gen/luksmith/v1/agent.ts";
import { otherDecidedVerbs } from "../access/access.ts";
import { ruleName } from "../access/policy.ts";
import { accessVerb, targetNamed } from "../access/question.ts";
import type { AuditFilter } from "../audit/audit-log.ts";
import type { AuditEntry } from "../audit/entry.ts";
import type { Agent } from "./agent.ts";

type Handlers = Pick<AgentServiceServer, "checkAccess" | "listAudit">;

/** They are held in memory until all have been found; everything is not. */
const longestList = 10_000;

export function accessHandlers({ access, audit, config, host }: Agent): Handlers {
  const { log } = host;
  return {
    checkAccess: unary(log, async ({ user, verb: asked, name }, peer) => {
      const { caller, about } = await access.authorizeQuestion(peer, user);
      const verb = accessVerb(asked);
      const target = targetNamed(config, verb, name, caller.uid === 0 ? "everything" : "own");
      const decision = access.explain(about, verb, target);
      return {
        user: about.name,
        uid: about.uid,
        verb,
        // which volume a job is on is not for everybody
        volume: (decision.allowed || caller.uid === 0 ? target.volume : undefined) ?? "",
        job: target.job ?? "",
        allowed: decision.allowed,
        reason: decision.because,
        rule: decision.allowed && decision.rule !== undefined ? ruleName(decision.rule) : "",
        hint: decision.allowed ? "" : decision.hint,
      };
    }),

    listAudit: serverStream(log, async (request, peer, stream) => {
      await access.authorize(peer, "audit");
      for await (const { entries, unreadable } of audit.read(filterOf(request))) {
        for (const entry of entries) await stream.send({ kind: { $case: "entry", value: toWire(entry) } });
        if (unreadable > 0) await stream.send({ kind: { $case: "unreadable", value: unreadable } });
      }
    }),
  };
}

function filterOf({ user, verb, refusedOnly, since, limit }: ListAuditRequest): AuditFilter {
  return {
    refusedOnly,
    ...(user === "" ? {} : { user }),
    // those are decided about as well, and no rule grants them
    ...(verb === "" ? {} : { verb: otherDecidedVerbs.find((other) => other === verb) ?? accessVerb(verb) }),
    ...(since === undefined ? {} : { since }),
    ...(limit === 0 ? {} : { limit: Math.min(limit, longestList) }),
  };
}

const wireDecisions = {
  allowed: AuditEntry_Decision.ALLOWED,
  refused: AuditEntry_Decision.REFUSED,
  started: AuditEntry_Decision.STARTED,
} as const;

function toWire(entry: AuditEntry): WireEntry {
  return {
    ...entry,
    decision: wireDecisions[entry.decision],
    uid: entry.uid ?? undefined,
    pid: entry.pid ?? undefined,
  };
}
