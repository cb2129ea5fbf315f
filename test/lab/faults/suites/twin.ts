/** A second machine with the same image. Both share a kernel here, so what it calls its volume is another name. */

import { cp, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { endlessSource } from "../../harness/endless-backup.ts";
import { cheapKdf, LabAgent, remoteLine, stateDir } from "../../harness/lab-agent.ts";
import { SecondHost } from "../../harness/second-host.ts";

export const twinPlace = {
  configPath: "/etc/luksmith/other.yaml",
  runtimeDir: "/run/luksmith-other",
  stateDir: "/var/lib/other",
};

/** It knows what the first one knows of its volume and of the host. To be called once. */
export async function introduceTwin(): Promise<void> {
  await mkdir(join(twinPlace.stateDir, "volumes"), { recursive: true });
  await cp(join(stateDir, "volumes/home"), join(twinPlace.stateDir, "volumes/twin"), { recursive: true });
  await cp(join(stateDir, "known_hosts"), join(twinPlace.stateDir, "known_hosts"), { recursive: true });
}

/** With a volume and a job `twin`, and a job `slow`. @param remote settings of its remote */
export function startTwin(remote: string): Promise<LabAgent> {
  const config = `
${remoteLine(SecondHost, remote)}
runs: { attempts: 1 }
stateDir: ${twinPlace.stateDir}
runtimeDir: ${twinPlace.runtimeDir}
socket: { path: ${twinPlace.runtimeDir}/agent.sock }
volumes:
  twin: { remote: vault, image: home.luks, size: 64M, key: { file: /etc/luksmith/keys/home.key }, ${cheapKdf} }
jobs:
  twin: { volume: twin, sources: [${endlessSource}] }
  slow: { volume: twin, sources: [${endlessSource}], bandwidthLimit: 10K }
`;
  return LabAgent.start(config, { place: twinPlace });
}
