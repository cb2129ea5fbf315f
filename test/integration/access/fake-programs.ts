/** Small programs that stand in front of the system's own on PATH, and what was asked of them. */

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Exec, fixedEnvironment, makeExec } from "../../../common/exec.ts";

export class FakePrograms {
  readonly exec: Exec;
  readonly #directory: string;

  constructor(context: TestContext) {
    this.#directory = mkdtempSync(join(tmpdir(), "luksmith-programs-"));
    context.after(() => rmSync(this.#directory, { recursive: true }));
    this.exec = makeExec(`${this.#directory}:${fixedEnvironment.PATH}`).exec;
  }

  /** @param body of a script for sh(1) */
  write(name: string, body: string): void {
    const script = `#!/bin/sh\necho "$(basename "$0") $*" >> '${join(this.#directory, "calls")}'\n${body}\n`;
    writeFileSync(join(this.#directory, name), script, { mode: 0o755 });
  }

  calls(): string[] {
    const file = join(this.#directory, "calls");
    return existsSync(file) ? readFileSync(file, "utf8").trimEnd().split("\n") : [];
  }
}

/** The id of the group luksmith. */
export const luksmithGid = 990;

/** alice and nobody are in the group luksmith, bob is in none but his own. */
export function writeUsers(programs: FakePrograms): void {
  programs.write(
    "getent",
    `case "$*" in
      "-- passwd 1000") echo "alice:x:1000:1000:Alice:/home/alice:/bin/bash" ;;
      "-- passwd 1001") echo "bob:x:1001:1001::/home/bob:/bin/bash" ;;
      "-- passwd 65534") echo "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin" ;;
      "-- group 1000 990 4711") echo "alice:x:1000:"; echo "luksmith:x:990:alice,nobody"; exit 2 ;;
      "-- group 1001") echo "bob:x:1001:" ;;
      "-- group 65534 990") echo "nogroup:x:65534:"; echo "luksmith:x:990:alice,nobody" ;;
      "-- group luksmith") echo "luksmith:x:990:alice,nobody" ;;
      *) exit 2 ;;
    esac`,
  );
  programs.write(
    "id",
    `case "$*" in
      "-G -z -- alice") printf '1000 990 4711 ' | tr ' ' '\\000' ;;
      "-G -z -- bob") printf '1001 ' | tr ' ' '\\000' ;;
      "-G -z -- nobody") printf '65534 990 ' | tr ' ' '\\000' ;;
      *) echo "id: no such user" >&2; exit 1 ;;
    esac`,
  );
}
