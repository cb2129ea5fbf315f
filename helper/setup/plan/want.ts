/** Steps that bring one thing to be what it should be; none when it is. Pure. */

import { createHash } from "node:crypto";
import { LuksmithError } from "../../../common/errors.ts";
import type { Found, Source } from "../observe/found.ts";
import type { Action, Step } from "../step.ts";

interface WantedFile {
  readonly of: string | null;
  readonly path: string;
  readonly content: string;
  readonly mode: number;
  readonly says: string;
  readonly check?: "sudo" | "sshd";
}

export function wantFile(found: Found, { of, path, content, mode, says, check }: WantedFile): Step[] {
  const there = found.files.get(path);
  requireFree(found, path);
  if (there !== undefined && there.text === content && there.mode === mode && there.uid === 0) return [];
  const before = there?.text === undefined ? {} : { before: there.text };
  const action: Action = { kind: "file", path, content, mode, ...before, ...(check === undefined ? {} : { check }) };
  const earlier = there?.text === undefined ? null : { content: there.text, mode: there.mode };
  return [{ says, action, registers: [{ what: "file", of, path, sha256: sha256(content), before: earlier }] }];
}

export function wantCopy(found: Found, source: Source, path: string, says: string): Step[] {
  requireFree(found, path);
  const there = found.files.get(path);
  if (there?.sha256 === source.sha256 && there.mode === 0o755 && there.uid === 0) return [];
  return [
    {
      says,
      action: { kind: "copy", from: source.path, path, mode: 0o755 },
      registers: [{ what: "file", of: null, path, sha256: source.sha256, before: null }],
    },
  ];
}

/** One of root's; made when it is missing, and left as it is when it is there. */
export function wantDirectory(found: Found, of: string | null, path: string, mode: number): Step[] {
  if (found.files.has(path) || found.others.has(path)) throw occupied(path, "is no directory");
  if (found.directories.has(path)) return [];
  return [
    {
      says: `make the directory ${path}`,
      action: { kind: "directory", path, mode },
      registers: [{ what: "directory", of, path }],
    },
  ];
}

export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function requireFree(found: Found, path: string): void {
  if (found.directories.has(path) || found.others.has(path)) throw occupied(path, "is no regular file");
}

function occupied(path: string, how: string): LuksmithError {
  return new LuksmithError("refused", `${path} ${how}`, { hint: "look what it is, and move it away" });
}
