/** Whether what is decided can be written down. */

import type { Finding } from "../../proto/gen/luksmith/v1/agent.ts";
import type { AuditLog } from "../audit/audit-log.ts";
import { ok, problem } from "./finding.ts";

/** The very question was decided about, and so was written down just now, or was not. */
export function examineAudit({ fault, path }: AuditLog): Finding {
  if (fault === undefined) return ok("audit log", path);
  const why = fault instanceof Error ? fault.message : `${fault}`;
  return problem(
    "audit log",
    `decisions cannot be written to ${path}, so only root is served: ${why}`,
    "make room there, or see what is in its place",
  );
}
