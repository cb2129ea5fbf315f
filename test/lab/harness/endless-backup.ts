/** A backup that does not end by itself for minutes: what happens to it meanwhile is the test's to say. */

import { randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cheapKdf, type LabAgent } from "./lab-agent.ts";

export const endlessSource = "/tmp/endless-source";
export const endlessFiles = 20;
const fileBytes = 100_000;

/** To stand below `jobs:`, beside a volume `home`. The 2 MB take more than three minutes. */
export const endlessJob = `endless: { volume: home, sources: [${endlessSource}], bandwidthLimit: 10K }`;

/** That, as the last of its jobs: others may be added. */
export const homeAndEndless = `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  ${endlessJob}
`;

export async function makeEndlessSource(): Promise<void> {
  await mkdir(endlessSource, { recursive: true });
  for (let index = 0; index < endlessFiles; index += 1) {
    await writeFile(join(endlessSource, `f${index}`), randomBytes(fileBytes));
  }
}

/** Starts it, with other contents in every file than before. @returns the run's id, as soon as it is copying */
export async function startEndlessBackup(agent: LabAgent, job = "endless"): Promise<string> {
  await makeEndlessSource();
  const { run: started } = await agent.startBackup(job);
  const id = started?.id ?? "";
  await copying(agent, id);
  return id;
}

/** Until a run has copied something. */
export async function copying(agent: LabAgent, id: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    agent
      .follow(id, ({ kind }) => {
        if (kind?.$case === "progress" && kind.value.bytesDone > 0) resolve();
      })
      // once it has copied, how it ends is the test's matter and no longer this promise's
      .then(() => reject(new Error("it ended before it copied")), reject);
  });
}
