/** What is in one file of a snapshot, as a stream: as fast as whoever reads it takes it. */

import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Command, lastWords } from "../../common/exec.ts";
import { showName } from "../../common/file-name.ts";
import { formatBytes } from "../../common/units.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import { selectSnapshot } from "../snapshots/select.ts";
import type { Attached } from "../stack/attach.ts";
import { withView } from "../stack/view.ts";
import type { Host } from "../system/host.ts";
import { wholeVolumeDeadlineMs } from "../tools/deadlines.ts";
import { noticeLoss } from "../transport/transport.ts";
import { typeAt } from "./at-path.ts";

export interface ReadOptions {
  readonly snapshot: string;
  readonly path: Buffer;
  readonly as: Command["as"];
}

/** By find's type letters. */
const kinds: Readonly<Record<string, string>> = {
  d: "a directory",
  l: "a symbolic link",
  b: "a device",
  c: "a device",
  p: "a named pipe",
  s: "a socket",
};

/** @throws {LuksmithError} "not_found"; "usage" for what is no regular file; "denied" when it is closed to the caller */
export async function readWholeFile(
  host: Host,
  job: string,
  { filesDir, entries, signal, lost }: Attached,
  { snapshot, path, as }: ReadOptions,
  run: RunContext,
  send: (data: Buffer) => Promise<void>,
): Promise<RunResult> {
  const { name } = selectSnapshot(entries, job, snapshot);
  let bytes = 0;
  const finished = await run.step("read", () =>
    withView(host, join(filesDir, job, name), as, signal, async (cwd) => {
      const type = await typeAt(host.exec, { cwd, path, as }, signal);
      if (type !== "f") throw noFile(path, type);
      return host.exec({
        // names are bytes, which Node cannot say as an argument
        file: "xargs",
        args: ["--null", "--max-args=1", "cat", "--"],
        cwd,
        stdin: Buffer.concat([Buffer.from("./"), path, Buffer.from("\0")]),
        as,
        deadlineMs: wholeVolumeDeadlineMs,
        signal,
        onStdout: async (chunk) => {
          bytes += chunk.length;
          await send(chunk);
        },
      });
    }),
  );
  if (finished.exitCode !== 0) {
    if (await noticeLoss(host.clock, lost)) throw lost.reason;
    const said = lastWords(finished);
    throw new LuksmithError(
      said.endsWith("Permission denied") ? "denied" : "tool_failed",
      `${showName(path)} cannot be read: ${said
        .slice(said.lastIndexOf(": ") + 1)
        .trim()
        .toLowerCase()}`,
      { cause: finished },
    );
  }
  return { state: "done", summary: `${showName(path)}, ${formatBytes(bytes)}`, snapshot: name };
}

function noFile(path: Buffer, type: string | undefined): LuksmithError {
  if (type === undefined) {
    return new LuksmithError("not_found", `not in the snapshot: ${showName(path)}`, {
      hint: "luksmith ls shows what is",
    });
  }
  const what = path.length === 0 ? "the top of the snapshot" : showName(path);
  return new LuksmithError("usage", `${what} is ${kinds[type] ?? "no file"}, and not a regular file`, {
    hint: type === "l" ? "luksmith ls shows where it points" : "luksmith restore brings back whatever there is",
  });
}
