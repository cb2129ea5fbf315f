/** The ways to an image, for tests that are to hold whichever it is. */

import { cheapKdf } from "./lab-agent.ts";
import type { SceneOptions } from "./scene.ts";
import { SecondHost } from "./second-host.ts";

export interface Over {
  readonly way: string;
  /** For {@link SceneOptions.remote}, before whatever else stands there. */
  readonly transport: string;
  readonly helper?: NonNullable<SceneOptions["helper"]>;
  /** Left out: ext4. */
  readonly filesystem?: "btrfs";
}

export const overSshfs: Over = { way: "over sshfs", transport: "transport: sshfs" };
export const overTunnel: Over = { way: "over nbd in the tunnel", transport: "transport: nbd", helper: {} };
export const overTcp: Over = {
  way: "over nbd and TCP",
  transport: "transport: nbd, trustedWire: true",
  helper: {
    config: `
machines:
  ${SecondHost.user}: { directory: /srv/luksmith-lab, trustedWire: [10.99.0.1] }
direct: { address: ${SecondHost.address}, ports: 10810-10813 }
`,
    firewall: true,
  },
};

export const overBtrfs: Over = { ...overSshfs, way: "over sshfs, with btrfs", filesystem: "btrfs" };

/** The helper asks every 10 s whether the machine is there still, and is answered by its kernel that it is not. */
export const hostNoticesWithinMs = 90_000;

/** By what they are called on a command line. */
export const ways: Readonly<Record<string, Over>> = {
  sshfs: overSshfs,
  tunnel: overTunnel,
  tcp: overTcp,
  btrfs: overBtrfs,
};

/** Below that btrfs puts data and metadata into the same blocks, which is another thing to test. */
const leastBtrfsMiB = 256;

export function volumeMiB({ filesystem }: Over, mebibytes: number): number {
  return filesystem === "btrfs" ? Math.max(mebibytes, leastBtrfsMiB) : mebibytes;
}

/** Settings of a volume. */
export function volumeOver(over: Over, mebibytes: number): string {
  const filesystem = over.filesystem === undefined ? "" : `, filesystem: ${over.filesystem}`;
  return `size: ${volumeMiB(over, mebibytes)}M${filesystem}, ${cheapKdf}`;
}

/** @param more settings of the remote */
export function sceneOver({ transport, helper }: Over, ...more: string[]): Pick<SceneOptions, "remote" | "helper"> {
  return { remote: [transport, ...more].join(", "), ...(helper === undefined ? {} : { helper }) };
}
