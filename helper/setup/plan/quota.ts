import { formatBytes } from "../../../common/units.ts";
import type { Found } from "../observe/found.ts";
import type { Plan } from "../step.ts";

const blockBytes = 1024;

/** What the machine may fill, where the file system counts that; and where it does not, that it does not. */
export function planQuota(found: Found, machine: string, directory: string, quotaBytes: number | undefined): Plan {
  const { quota } = found;
  if (quota.kind === "none") {
    const asked = quotaBytes === undefined ? "the machine can fill the storage" : "no quota is set";
    return { steps: [], notes: [`${asked}: ${quota.why}`] };
  }
  if (quotaBytes === undefined) {
    return {
      steps: [],
      notes: quota.limitBytes === undefined ? ["the machine can fill the storage: --quota would limit it"] : [],
    };
  }
  const blocks = Math.ceil(quotaBytes / blockBytes);
  const says = `limit what ${machine} may store to ${formatBytes(quotaBytes)}`;
  if (quota.kind === "user") {
    if (quota.limitBytes === blocks * blockBytes) return { steps: [], notes: [] };
    const argv = ["setquota", "-u", machine, "0", `${blocks}`, "0", "0", quota.mount];
    return {
      steps: [
        {
          says,
          action: { kind: "command", argv },
          registers: [{ what: "quota", of: machine, kind: "user", mount: quota.mount }],
        },
      ],
      notes: [],
    };
  }
  if (!quota.isSubvolume && found.directories.has(directory)) {
    return {
      steps: [],
      notes: [`no quota is set: ${directory} is no subvolume of its own, and btrfs limits nothing else`],
    };
  }
  if (quota.limitBytes === quotaBytes) return { steps: [], notes: [] };
  return {
    steps: [
      {
        says,
        action: { kind: "command", argv: ["btrfs", "qgroup", "limit", `${quotaBytes}`, directory] },
        registers: [{ what: "quota", of: machine, kind: "btrfs", mount: directory }],
      },
    ],
    notes: [],
  };
}
