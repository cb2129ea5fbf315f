/** One line of the doctor's report. */

import { Finding, Finding_Level } from "../../proto/gen/luksmith/v1/agent.ts";

export function ok(subject: string, message: string): Finding {
  return Finding.create({ level: Finding_Level.OK, subject, message });
}

export function warning(subject: string, message: string, hint: string): Finding {
  return Finding.create({ level: Finding_Level.WARNING, subject, message, hint });
}

export function problem(subject: string, message: string, hint: string): Finding {
  return Finding.create({ level: Finding_Level.PROBLEM, subject, message, hint });
}
