import type { Found } from "../observe/found.ts";
import type { Step } from "../step.ts";

/** What the helper, its gate and its setup use of Debian, besides what every Debian has. */
export const neededPackages: readonly string[] = [
  "nbd-server",
  "nftables",
  "socat",
  "bubblewrap",
  "sudo",
  "openssh-server",
  "openssh-sftp-server",
];
/** setquota(8) */
export const quotaPackage = "quota";
const nbdUnit = "nbd-server.service";

/** nbd-server's own service, which Debian would start, serves nothing that is needed here: it is kept from beginning. */
export function planPackages(found: Found, wanted: readonly string[]): Step[] {
  const missing = wanted.filter((name) => !found.packages.has(name));
  if (missing.length === 0) return [];
  const mask: Step = {
    says: `keep nbd-server's own service from starting: the helper starts a server for each image`,
    action: { kind: "command", argv: ["systemctl", "mask", nbdUnit] },
    registers: [{ what: "masked", of: null, unit: nbdUnit }],
  };
  const install: Step = {
    says: `install ${missing.join(", ")}`,
    action: {
      kind: "command",
      argv: ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", ...missing],
      env: { DEBIAN_FRONTEND: "noninteractive" },
      hint: "apt-get update may help; otherwise install them by hand, and begin again",
    },
    registers: [{ what: "packages", of: null, names: missing }],
  };
  return missing.includes("nbd-server") && found.systemd ? [mask, install] : [install];
}
