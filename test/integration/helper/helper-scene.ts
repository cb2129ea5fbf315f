/** A backup host of a test's own: directories of two machines, whose Unix users every Debian has, and the real helper for them. */

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { ExportMode, type OpenExportRequest } from "../../../proto/gen/luksmith/v1/helper.ts";
import { type Caller, LabHelper, leaseClaim } from "../../lab/harness/lab-helper.ts";
import { until } from "../../lab/harness/until.ts";

/** Of base-passwd, with these numbers (/usr/share/base-passwd/passwd.master). */
export const machine = { name: "backup", uid: 34, gid: 34 } as const;
export const neighbour = { name: "games", uid: 5, gid: 60 } as const;
export const image = "images/home.luks";
export const mebi = 2 ** 20;

export interface Settings {
  /** Of the machine, beside its directory: "maxSessions: 2". */
  readonly machine?: string;
  /** Further lines of helper.yaml. */
  readonly config?: string;
  readonly caller?: Partial<Caller>;
}

export class HelperScene {
  readonly path: string;
  readonly caller: Caller & { readonly user: string };

  /** It goes when the test ends. */
  constructor(context: TestContext, { machine: limits = "", config = "", caller = {} }: Settings = {}) {
    this.path = mkdtempSync(join(tmpdir(), "luksmith-helper-"));
    context.after(() => rmSync(this.path, { recursive: true, force: true }));
    chmodSync(this.path, 0o755);
    for (const { name, uid, gid } of [machine, neighbour]) {
      for (const directory of [name, `${name}/images`]) {
        mkdirSync(join(this.path, directory));
        chownSync(join(this.path, directory), uid, gid);
      }
    }
    const configPath = join(this.path, "helper.yaml");
    writeFileSync(
      configPath,
      `machines:
  ${machine.name}: { directory: ${this.path}/${machine.name}, ${limits} }
  ${neighbour.name}: { directory: ${this.path}/${neighbour.name} }
log: { file: ${this.path}/log }
runtimeDir: ${this.runtimeDir}
${config}
`,
    );
    this.caller = { configPath, user: machine.name, address: "192.0.2.7", ...caller };
  }

  get runtimeDir(): string {
    return join(this.path, "run");
  }

  /** In the machine's directory. */
  at(path: string): string {
    return join(this.path, machine.name, path);
  }

  start(caller: Partial<Caller> = {}): Promise<LabHelper> {
    return LabHelper.start({ ...this.caller, ...caller });
  }

  /** The machine's own, as it would come there over SFTP. */
  writeImage(path = image, bytes = mebi): void {
    writeFileSync(this.at(path), Buffer.alloc(bytes), { mode: 0o600 });
    chownSync(this.at(path), machine.uid, machine.gid);
  }

  log(): Record<string, unknown>[] {
    const path = join(this.path, "log");
    if (!existsSync(path)) return [];
    return readFileSync(path, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line));
  }

  /** Directories of exports, below /run. */
  exports(): string[] {
    if (!existsSync(this.runtimeDir)) return [];
    return readdirSync(this.runtimeDir).filter((name) => /^\d+-/.test(name));
  }

  /** Process numbers of nbd-servers of this scene. */
  servers(): number[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .filter(
        (pid) => commandOf(pid).includes("nbd-server") && commandOf(pid).some((word) => word.startsWith(this.path)),
      )
      .map(Number);
  }

  /** Leases beside the machine's images, and what belongs to them. */
  leases(): string[] {
    return readdirSync(this.at("images")).filter((name) => name.includes(".lease"));
  }

  /** Waits for it: what was killed takes a moment, and what closes by itself gives back one after another. */
  async assertNothingLeft(): Promise<void> {
    const left = () => [...this.servers(), ...this.exports(), ...this.leases()];
    await until(async () => left().length === 0, "nothing is left of its exports");
  }
}

export function openRequest(change: Partial<OpenExportRequest> = {}): OpenExportRequest {
  return { image, mode: ExportMode.TUNNEL, readOnly: false, discardsBelow: 0, lease: leaseClaim(), ...change };
}

/** Read-only, and with no lease therefore. */
export const lookRequest = openRequest({ readOnly: true, discardsBelow: 0, lease: undefined });

/** For a command that starts something else in its own place, when this shell has said so. Test code may. */
export function withMounts(script: string): string[] {
  return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", `${script}\nexec "$@"`, "sh"];
}

function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}
