/** A backup host that nobody has set up, an administrator with a key, and a machine that is to back up there. */

import assert from "node:assert/strict";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { resolve } from "node:path";
import { PassThrough } from "node:stream";
import { after, before } from "node:test";
import { stripVTControlCharacters } from "node:util";
import { type Finished, makeExec, mustRead } from "../../../common/exec.ts";
import { cheapKdf, identityFile, LabAgent } from "./lab-agent.ts";
import { assertNothingLeft } from "./leak-check.ts";
import { SecondHost, type SecondHostOptions } from "./second-host.ts";

const { exec } = makeExec();
/** Node is sent by an emulated ssh, and looked at again and again. */
const deadlineMs = 600_000;
/** What a request says for `--trusted-wire --checkpoints /srv/checkpoints`. */
export const withEverything = {
  checkpoints: "/srv/checkpoints",
  direct: { from: "10.99.0.1", to: SecondHost.address },
};
const adminKey = "/root/.ssh/administrator";
const withAdminKey = [`IdentityFile=${adminKey}`, "IdentitiesOnly=yes"].flatMap((option) => ["--ssh-option", option]);
export const setupSource = "/srv/people";
export const setupUser = "lm-web01";
/** The machine's directory there. */
export const ownDirectory = `/srv/luksmith/${setupUser}`;

const config = `
remotes:
  vault: { host: ${SecondHost.address}, user: ${setupUser}, path: images, identity: ${identityFile} }
  plain: { host: ${SecondHost.address}, user: ${SecondHost.user}, path: images, identity: ${identityFile} }
runs: { attempts: 1 }
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${setupSource}] }
`;

/** What a person typed, and what was said on both is in `said`, for the message of an assertion that fails. */
export interface Typed extends Finished {
  readonly said: string;
}

export class SetupScene {
  #host: SecondHost | undefined;
  #agent: LabAgent | undefined;
  /** What the host was like before. */
  untouched = "";

  /** To be called in a `describe`: registers its hooks there. `plain` is a remote that was set up by hand. */
  static set(storage: Pick<SecondHostOptions, "storageBytes" | "reflinks"> = {}): SetupScene {
    const scene = new SetupScene();
    before(async () => {
      await LabAgent.forget();
      await mkdir(setupSource, { recursive: true });
      await writeFile(`${setupSource}/letter`, "dear all\n");
      scene.#host = await SecondHost.create({ identityFile, administrator: adminKey, ...storage });
      scene.#agent = await LabAgent.start(config);
      await scene.agent.trust("vault");
      await scene.agent.trust("plain");
      scene.untouched = await stateOfHost();
    });
    after(async () => {
      await scene.#agent?.[Symbol.asyncDispose]();
      await scene.#host?.[Symbol.asyncDispose]();
      await rm("/root/.ssh", { recursive: true });
      await assertNothingLeft();
    });
    return scene;
  }

  get host(): SecondHost {
    assert.ok(this.#host, "the scene is set when the first test begins");
    return this.#host;
  }

  get agent(): LabAgent {
    assert.ok(this.#agent, "the scene is set when the first test begins");
    return this.#agent;
  }

  async luksmith(...args: string[]): Promise<Typed> {
    const finished = await exec({ file: process.execPath, args: [resolve("dist/luksmith.mjs"), ...args], deadlineMs });
    return { ...finished, said: `${finished.stdout}${finished.stderr}` };
  }

  setUp(remote: string, ...more: string[]): Promise<Typed> {
    return this.luksmith("remote", "setup", remote, ...withAdminKey, ...more);
  }

  /** The same on a terminal, with somebody at it who answers the one question. Source: script(1). */
  async setUpOnTerminal(
    { prompt, answer }: { prompt: string; answer: string },
    remote: string,
    ...more: string[]
  ): Promise<Typed> {
    const typed = [process.execPath, resolve("dist/luksmith.mjs"), "remote", "setup", remote, ...withAdminKey, ...more];
    const answered = new PassThrough();
    let said = "";
    const onStdout = (piece: Buffer) => {
      const asked = said.split(prompt).length;
      said += piece.toString();
      if (said.split(prompt).length > asked) answered.write(`${answer}\n`);
    };
    const args = ["--quiet", "--return", "--command", typed.map((word) => `'${word}'`).join(" "), "/dev/null"];
    const finished = await exec({ file: "script", args, stdin: answered, onStdout, deadlineMs });
    return { ...finished, said: stripVTControlCharacters(said).replaceAll("\r\n", "\n") };
  }

  /**
   * As docs/backup-host.md has it for whoever sits at the host: the helper's own command, without the sending of Node, which takes an
   * emulated ssh a minute.
   */
  async setUpByHand(request: object, ...more: string[]): Promise<Typed> {
    const publicKey = (await readFile(`${identityFile}.pub`, "utf8")).trimEnd();
    const file = "/run/setup-request.json";
    await writeFile(file, JSON.stringify({ machine: setupUser, path: "images", publicKey, ...request }));
    return await this.#helperSetup("--request", file, ...more);
  }

  removeByHand(machine: string): Promise<Typed> {
    return this.#helperSetup("--remove", machine);
  }

  async #helperSetup(...args: string[]): Promise<Typed> {
    const finished = await this.host.ask(
      deadlineMs,
      process.execPath,
      resolve("dist/luksmith-helper.mjs"),
      "setup",
      ...args,
    );
    return { ...finished, said: `${finished.stdout}${finished.stderr}` };
  }

  async run(file: string, ...args: string[]): Promise<string> {
    return (await mustRead(exec, { file, args, deadlineMs })).toString();
  }

  /** With the machine's key, and no other. */
  ssh(options: readonly string[], ...command: string[]): Promise<Finished> {
    const args = [...withKey(identityFile), ...options, destination, ...command];
    return exec({ file: "ssh", args, stdin: "id\n", deadlineMs });
  }

  sshWithKey(key: string, command: string): Promise<Finished> {
    return exec({ file: "ssh", args: [...withKey(key), destination, command], deadlineMs });
  }

  sftp(...lines: string[]): Promise<Finished> {
    const args = [...withKey(identityFile), "-b", "-", destination];
    return exec({ file: "sftp", args, stdin: lines.map((line) => `${line}\n`).join(""), deadlineMs });
  }
}

const destination = `${setupUser}@${SecondHost.address}`;

function withKey(key: string): string[] {
  const options = ["IdentitiesOnly=yes", "StrictHostKeyChecking=no", "BatchMode=yes"];
  return ["-i", key, ...options.flatMap((option) => ["-o", option])];
}

/** All that a setup could touch, but for the times. */
export async function stateOfHost(): Promise<string> {
  const places = ["/etc", "/usr/local", "/srv", "/var/lib", "/var/tmp"];
  const leftOut = [
    "/etc/luksmith",
    "/var/lib/luksmith",
    "/etc/passwd-",
    "/etc/shadow-",
    "/etc/group-",
    "/etc/gshadow-",
    "/etc/subuid-",
    "/etc/subgid-",
    // whom sudo has lectured
    "/var/lib/sudo",
  ];
  const skip = leftOut.flatMap((path, index) => [...(index === 0 ? [] : ["-o"]), "-path", path]);
  const args = [...places, "-xdev", "(", ...skip, ")", "-prune", "-o", "-printf", "%p %M %U %G %l\\n"];
  const files = (await mustRead(exec, { file: "find", args, deadlineMs })).toString();
  const accounts = await Promise.all(["passwd", "shadow", "group"].map((name) => readFile(`/etc/${name}`, "utf8")));
  const yaml = await readFile("/etc/luksmith/helper.yaml", "utf8").catch(() => "");
  const tables = await exec({ file: "nft", args: ["list", "tables"], deadlineMs });
  return [...files.split("\n").toSorted(), ...accounts, yaml, tables.stdout.toString()].join("\n");
}

/** Thousands of lines, of which those count that differ. */
export function assertSameState(now: string, before: string): void {
  const without = (text: string, other: string) => {
    const lines = new Set(other.split("\n"));
    return text.split("\n").filter((line) => !lines.has(line));
  };
  assert.deepEqual({ come: without(now, before), gone: without(before, now) }, { come: [], gone: [] });
}
