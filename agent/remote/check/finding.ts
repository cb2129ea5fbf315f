/** One line of what `luksmith remote check` says. */

import { RemoteFinding, RemoteFinding_Level } from "../../../proto/gen/luksmith/v1/agent.ts";

export function ok(subject: string, message: string): RemoteFinding {
  return RemoteFinding.create({ level: RemoteFinding_Level.OK, subject, message });
}

/** It should be so, and is not. */
export function no(subject: string, message: string, hint: string): RemoteFinding {
  return RemoteFinding.create({ level: RemoteFinding_Level.NO, subject, message, hint });
}

/** It may be so, and is not. */
export function off(subject: string, message: string, hint: string): RemoteFinding {
  return RemoteFinding.create({ level: RemoteFinding_Level.OFF, subject, message, hint });
}
