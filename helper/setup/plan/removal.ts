/** Taking back what setup has made for a machine: the last first, and for the last machine all that they shared. Pure. */

import { LuksmithError } from "../../../common/errors.ts";
import { lockName } from "../../checkpoint/checkpoint-store.ts";
import { defaultHelperConfigPath, parseHelperConfig } from "../../config/helper-config.ts";
import { tableName } from "../../export/firewall-rules.ts";
import { withoutMachine } from "../config-edit.ts";
import type { Made } from "../manifest.ts";
import type { Found } from "../observe/found.ts";
import { runtimeDirectory } from "../paths.ts";
import type { Plan, Step } from "../step.ts";
import { planReload } from "./access.ts";
import { sha256 } from "./want.ts";

export interface RemovalRequest {
  readonly machine: string;
  /** Debian's packages that setup has installed go as well. */
  readonly purge: boolean;
}

/** @throws {LuksmithError} "not_found", "locked" */
export function planRemoval(found: Found, request: RemovalRequest): Plan {
  const { machine } = request;
  const { made } = found.manifest;
  const own = made.filter(({ of }) => of === machine).toReversed();
  if (own.length === 0) {
    throw new LuksmithError("not_found", `setup has made nothing for ${machine} on this backup host`, {
      hint: "what was made by hand is taken back by hand: docs/backup-host.md",
    });
  }
  if (found.busy > 0) {
    throw new LuksmithError("locked", `${machine} is connected: processes that run as it: ${found.busy}`, {
      hint: "let the machine's runs end first, or cancel them: luksmith status",
    });
  }
  const text = found.files.get(defaultHelperConfigPath)?.text;
  const others = otherMachines(found, machine, text);
  const isLast = others.length === 0;
  const taking = new Taking(found, request);
  // what lets the machine in goes first, whatever has been made when
  const ways = own.filter(({ what }) => what === "file").map((thing) => taking.take(thing));
  const rest = own.filter(({ what }) => what !== "file");
  const parts = [
    ...ways,
    planReload(found, ways.length > 0),
    ...(isLast || text === undefined ? [] : [withoutEntry(found, machine, text)]),
    ...rest.map((thing) => taking.take(thing)),
    ...(own.some(({ what }) => what === "user")
      ? []
      : // its home was open to its SFTP all the time
        [noted(`${machine} stays, and the keys in its own .ssh let in again: look what stands there now`)]),
    ...(isLast
      ? [
          ...made
            .filter(({ of }) => of === null)
            .toReversed()
            .map((thing) => taking.take(thing)),
          taking.takeRuntimeDirectory(),
          ...(text === undefined ? [] : [noted(`${logFileIn(text)} stays, if the helper has written one`)]),
        ]
      : [noted(`the helper stays for ${others.join(", ")}`)]),
  ];
  return { steps: parts.flatMap(({ steps }) => steps), notes: parts.flatMap(({ notes }) => notes) };
}

function otherMachines(found: Found, machine: string, text: string | undefined): string[] {
  const made = found.manifest.made.flatMap(({ of }) => of ?? []);
  const configured = text === undefined ? [] : parseHelperConfig(text, defaultHelperConfigPath).machines.keys();
  return [...new Set([...made, ...configured])].filter((name) => name !== machine);
}

/** As long as there are others; for the last one the file goes with all that they shared. */
function withoutEntry(found: Found, machine: string, text: string): Plan {
  const entry = found.manifest.made.filter(({ what, of }) => what === "machine" && of === machine);
  const path = defaultHelperConfigPath;
  const content = withoutMachine(text, path, machine);
  if (entry.length === 0 || content === undefined || content === text) return { steps: [], notes: [] };
  // it is still the file that was made here, and may go with the last machine
  const registers = found.manifest.made.flatMap((made) =>
    made.what === "file" && made.path === path ? [{ ...made, sha256: sha256(content) }] : [],
  );
  const mode = found.files.get(path)?.mode ?? 0o600;
  return does({
    says: `tell the helper that ${machine} is gone`,
    action: { kind: "file", path, content, mode, before: text },
    registers,
    strikes: entry,
  });
}

class Taking {
  readonly #found: Found;
  readonly #request: RemovalRequest;
  /** Where they are, if anywhere. */
  readonly #checkpoints: string | undefined;
  /** What is not there any more when it is the next one's turn. */
  readonly #gone = new Set<string>();

  constructor(found: Found, request: RemovalRequest) {
    this.#found = found;
    this.#request = request;
    const text = found.files.get(defaultHelperConfigPath)?.text;
    this.#checkpoints =
      text === undefined ? undefined : parseHelperConfig(text, defaultHelperConfigPath).checkpoints?.directory;
  }

  take(made: Made): Plan {
    const { machine, purge } = this.#request;
    switch (made.what) {
      case "file":
        return this.#takeFile(made);
      case "directory":
        return this.#takeDirectory(made);
      case "below":
        return this.#takeBelow(made);
      case "owned":
        return this.#giveBack(made);
      case "user":
        return command(made, `remove the user ${made.name}`, ["userdel", made.name]);
      case "shell":
        return command(made, `give ${made.name} its shell back`, ["usermod", "--shell", made.before, made.name]);
      case "enabled":
        return command(made, `disable ${made.unit}`, ["systemctl", "disable", "--now", made.unit]);
      case "firewall":
        return command(made, `remove the table ${tableName}`, ["nft", "delete", "table", "inet", tableName]);
      case "quota":
        return command(
          made,
          `lift the limit of what ${machine} may store`,
          made.kind === "user"
            ? ["setquota", "-u", machine, "0", "0", "0", "0", made.mount]
            : ["btrfs", "qgroup", "limit", "none", made.mount],
        );
      case "packages":
        if (purge) return command(made, `remove ${made.names.join(", ")}`, ["dpkg", "--purge", ...made.names]);
        return forgotten(
          made,
          `these packages, which setup has installed, stay (--purge removes them): ${made.names.join(" ")}`,
        );
      case "masked":
        if (purge) return command(made, `unmask ${made.unit}`, ["systemctl", "unmask", made.unit]);
        return forgotten(made, `stays masked: ${made.unit} (systemctl unmask)`);
      case "machine":
      case "unread":
        return forgotten(made);
    }
  }

  /** Of the helper's own making: locks, mostly. Nobody is connected any more. */
  takeRuntimeDirectory(): Plan {
    if (!this.#found.directories.has(runtimeDirectory)) return { steps: [], notes: [] };
    const argv = ["rm", "--recursive", "--force", "--one-file-system", "--", runtimeDirectory];
    return does({ says: `remove ${runtimeDirectory}`, action: { kind: "command", argv } });
  }

  #takeFile(made: Extract<Made, { what: "file" }>): Plan {
    const { path, before } = made;
    const there = this.#found.files.get(path);
    if (there === undefined) return forgotten(made);
    if (there.sha256 !== made.sha256) return forgotten(made, `stays, for it is not as setup has left it: ${path}`);
    if (before === null) {
      this.#gone.add(path);
      return does({ says: `remove ${path}`, action: { kind: "remove", path }, strikes: [made] });
    }
    const now = there.text === undefined ? {} : { before: there.text };
    return does({
      says: `put back ${path}`,
      action: { kind: "file", path, content: before.content, mode: before.mode, ...now },
      strikes: [made],
    });
  }

  #takeDirectory(made: Extract<Made, { what: "directory" }>): Plan {
    const { path } = made;
    if (!this.#found.directories.has(path)) return forgotten(made);
    if (made.of !== null) return this.#takeStorage(made);
    const lock = path === this.#checkpoints ? this.#takeLock(path) : [];
    if (!this.#isEmpty(path)) return forgotten(made, `stays, for something is in it: ${path}`);
    this.#gone.add(path);
    const says = `remove the empty directory ${path}`;
    return { steps: [...lock, { says, action: { kind: "remove-directory", path }, strikes: [made] }], notes: [] };
  }

  /** What the helper has made beside the checkpoints goes with them, and not before. */
  #takeLock(directory: string): Step[] {
    const names = this.#found.directories.get(directory)?.names ?? [];
    if (names.join() !== lockName) return [];
    const path = `${directory}/${lockName}`;
    this.#gone.add(path);
    return [{ says: `remove ${path}`, action: { kind: "remove", path } }];
  }

  /** With the machine's rights, since the machine decides what is there by now; if nothing comes of it, it stays. */
  #takeBelow(made: Extract<Made, { what: "below" }>): Plan {
    const { path } = made;
    if (this.#isEmpty(path)) this.#gone.add(path);
    return does({
      says: `remove ${path}, if it is empty`,
      action: { kind: "command", argv: ["rmdir", "--", path], asUser: this.#request.machine, mayFail: true },
      strikes: [made],
    });
  }

  /** Closed before anything else, whatever is in it: the number of its user may be somebody else's one day. */
  #takeStorage(made: Extract<Made, { what: "directory" }>): Plan {
    const { path } = made;
    const close = this.#close(made);
    if (!this.#isEmpty(path)) return { steps: [close], notes: [filesStay(path)] };
    this.#gone.add(path);
    const remove: Step = { says: `remove the empty directory ${path}`, action: { kind: "remove-directory", path } };
    return { steps: [close, remove], notes: [] };
  }

  #giveBack(made: Extract<Made, { what: "owned" }>): Plan {
    const { path, uid, mode } = made;
    if (!this.#found.directories.has(path)) return forgotten(made);
    if (uid === 0) {
      if (!this.#isEmpty(path)) return { steps: [this.#close(made)], notes: [filesStay(path)] };
      const says = `give ${path} back to root`;
      return does({ says, action: { kind: "own", path, mode, owner: "root" }, strikes: [made] });
    }
    const { machine } = this.#request;
    return does({
      says: `give ${path} the mode that it had`,
      action: { kind: "own", path, mode, owner: machine },
      strikes: [made],
    });
  }

  #close(made: Extract<Made, { path: string }>): Step {
    const { path } = made;
    const { user } = this.#found;
    return {
      says: `close ${path} to everybody but root`,
      action: { kind: "own", path, mode: 0o700, owner: "root" },
      ...(user === undefined ? {} : { leaves: { machine: this.#request.machine, uid: user.uid, directory: path } }),
      strikes: [made],
    };
  }

  #isEmpty(path: string): boolean {
    const names = this.#found.directories.get(path)?.names ?? [];
    return names.every((name) => this.#gone.has(`${path}/${name}`));
  }
}

function logFileIn(text: string): string {
  return parseHelperConfig(text, defaultHelperConfigPath).log.file;
}

function filesStay(path: string): string {
  return `the machine's files stay, for root alone from now on: ${path} (rm --recursive ${path} removes them)`;
}

function does(step: Step): Plan {
  return { steps: [step], notes: [] };
}

function noted(note: string): Plan {
  return { steps: [], notes: [note] };
}

function command(made: Made, says: string, argv: readonly string[]): Plan {
  return does({ says, action: { kind: "command", argv }, strikes: [made] });
}

/** Nothing is done about it, and it is remembered no longer. */
function forgotten(made: Made, note?: string): Plan {
  const step: Step = { says: "", looks: true, action: { kind: "nothing" }, strikes: [made] };
  return { steps: [step], notes: note === undefined ? [] : [note] };
}
