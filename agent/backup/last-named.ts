/**
 * What a user has named last, for a job that has no sources of its own: a backup that names nothing, as a timer's does, takes the same.
 * In this machine's state directory; what is lost with it is named again.
 */

import { join } from "node:path";
import * as z from "zod";
import { writeFileDurably } from "../../common/durable-file.ts";
import { LuksmithError } from "../../common/errors.ts";
import { readIfThere } from "../../common/if-there.ts";
import { parseJson } from "../../common/parse-json.ts";
import type { JobConfig } from "../config/job.ts";
import { requireNamable } from "./named-sources.ts";

const fileSchema = z.strictObject({ user: z.string(), sources: z.array(z.string()).min(1) });

function fileOf(stateDir: string, { name }: JobConfig): string {
  return join(stateDir, "named-sources", name);
}

/** @throws {LuksmithError} "usage" when nothing has been named yet, or not what may be named today */
export async function lastNamed(stateDir: string, job: JobConfig): Promise<readonly string[]> {
  const text = await readIfThere(fileOf(stateDir, job));
  const known = text === undefined ? undefined : fileSchema.safeParse(parseJson(text)).data;
  if (known === undefined || known.user !== job.user) {
    throw new LuksmithError("usage", `job ${job.name} takes what ${job.user} names, and nothing has been named yet`, {
      hint: `luksmith backup ${job.name} PATH...`,
    });
  }
  return requireNamable(
    job,
    known.sources.map((source) => Buffer.from(source)),
  );
}

export async function rememberNamed(stateDir: string, job: JobConfig, sources: readonly string[]): Promise<void> {
  await writeFileDurably(fileOf(stateDir, job), `${JSON.stringify({ user: job.user, sources })}\n`, 0o600);
}
