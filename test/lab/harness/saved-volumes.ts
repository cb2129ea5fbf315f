/**
 * The volumes that most lab tests begin with. The agent makes them for the first file that asks for such; the others of
 * the same run get a copy of what came of it, on both hosts: to make them takes a quarter of a file's time. Which of the
 * two it was shows in the list of runs alone.
 */

import { createHash } from "node:crypto";
import { chown, mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { parse } from "yaml";
import { hasErrno } from "../../../common/errors.ts";
import { makeExec, mustRun } from "../../../common/exec.ts";
import { stateDir } from "./lab-agent.ts";
import type { SecondHost } from "./second-host.ts";

const { exec } = makeExec();
const deadlineMs = 60_000;
/** Set where many files are run one after the other (scripts/lab-tests.ts): /out is new then, and the same for all. */
export const savedVolumesVariable = "LUKSMITH_LAB_SAVED_VOLUMES";
const shared = "/out";

export class SavedVolumes {
  readonly #directory: string;

  /** @returns undefined when there is nobody to share with, and where there are no volumes */
  static of(config: string, names: readonly string[]): SavedVolumes | undefined {
    if (process.env[savedVolumesVariable] === undefined || names.length === 0) return undefined;
    const { volumes } = parse(config) as { volumes: Record<string, unknown> };
    return new SavedVolumes(names.map((name) => [name, volumes[name]]));
  }

  /** @param definitions equal ones are the same volumes */
  private constructor(definitions: unknown) {
    const digest = createHash("sha256").update(JSON.stringify(definitions)).digest("hex");
    this.#directory = join(shared, `volumes-${digest.slice(0, 16)}`);
  }

  /** For {@link SecondHost.create}: the key that the agent trusts. */
  get hostKey(): string {
    return join(this.#directory, "host_key");
  }

  /** What the agent had and knew; to be called before it starts. @returns false when there is nothing yet */
  async putBackState(): Promise<boolean> {
    try {
      await stat(this.#directory);
    } catch (error) {
      if (hasErrno(error, "ENOENT")) return false;
      throw error;
    }
    await tar("--extract", "--file", join(this.#directory, "state.tar"), "--directory", "/");
    return true;
  }

  async putBackImages({ imagesPath }: SecondHost): Promise<void> {
    const { uid, gid } = await stat(imagesPath);
    await tar("--extract", "--file", join(this.#directory, "images.tar"), "--directory", imagesPath);
    for (const name of await readdir(imagesPath)) await chown(join(imagesPath, name), uid, gid);
  }

  /** Of an agent that has nothing to do. Two machines may both do it; the first one's is kept. */
  async save(host: SecondHost): Promise<void> {
    const work = `${this.#directory}.${process.pid}.${Date.now()}`;
    await mkdir(work);
    const state = [stateDir, "/etc/luksmith"].map((path) => path.slice(1));
    await Promise.all([
      // not its runs: the agent has the database open
      tar(
        ...["--create", "--file", join(work, "state.tar"), "--directory", "/"],
        ...[`--exclude=${stateDir.slice(1)}/agent.db*`, ...state],
      ),
      tar("--create", "--sparse", "--file", join(work, "images.tar"), "--directory", host.imagesPath, "."),
      mustRun(exec, { file: "cp", args: ["--", host.hostKeyFile, `${host.hostKeyFile}.pub`, work], deadlineMs }),
    ]);
    try {
      await rename(work, this.#directory);
    } catch (error) {
      if (!hasErrno(error, "ENOTEMPTY", "EEXIST")) throw error;
      await rm(work, { recursive: true });
    }
  }
}

async function tar(...args: string[]): Promise<void> {
  await mustRun(exec, { file: "tar", args, deadlineMs });
}
