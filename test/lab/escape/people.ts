/** Two ordinary users who may speak to the agent, and what they can do on the machine by themselves. */

import assert from "node:assert/strict";
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { checkoutForOthers } from "../harness/lab-agent.ts";

const run = promisify(execFile);

export const people = { alice: { uid: 4001, gid: 4001 }, bob: { uid: 4002, gid: 4002 } };
export type Person = keyof typeof people;

/** Of the job `docs`, that of both. */
export const source = "/srv/people";
/** Of the job `private`, bob's. */
export const privateSource = "/srv/private";

export async function makePeople(): Promise<void> {
  await run("groupadd", ["--force", "--system", "luksmith"]);
  await mkdir(privateSource, { recursive: true });
  await writeFile(join(privateSource, "diary"), "bob's diary\n", { mode: 0o644 });
  for (const [name, { uid }] of Object.entries(people)) {
    await run("useradd", ["--uid", `${uid}`, "--user-group", "--create-home", name]).catch(() => undefined);
    await run("usermod", ["--append", "--groups", "luksmith", name]);
    await run("chmod", ["755", `/home/${name}`]);
    await mkdir(join(source, name), { recursive: true });
    await writeFile(join(source, name, "secret"), `${name}'s secret\n`, { mode: 0o600 });
    await writeFile(join(source, name, "open"), `${name} shows this\n`, { mode: 0o644 });
    await run("chown", ["-R", `${name}:${name}`, join(source, name)]);
  }
  await writeFile(join(source, "root-secret"), "root's secret\n", { mode: 0o600 });
}

/** As after a login: the user's groups, and set-user-ID programs count. */
function login(name: Person): string[] {
  const { uid, gid } = people[name];
  return ["--reuid", `${uid}`, "--regid", `${gid}`, "--init-groups", "--inh-caps=-all", "--"];
}

/** @returns what it said, on either stream, whatever its end */
export async function as(name: Person, file: string, ...args: string[]): Promise<string> {
  const options = { cwd: "/", env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", HOME: `/home/${name}` } };
  const said = await run("setpriv", [...login(name), file, ...args], options).catch(
    (error: { stdout: string; stderr: string }) => error,
  );
  return `${said.stdout}${said.stderr}`;
}

/** Until it is killed; resolves when it has said a line. */
export async function start(name: Person, file: string, ...args: string[]): Promise<ChildProcess> {
  const child = spawn("setpriv", [...login(name), file, ...args], { cwd: "/", stdio: ["pipe", "pipe", "inherit"] });
  await new Promise<void>((settle, reject) => {
    child.stdout?.once("data", () => settle());
    child.once("exit", (code) => reject(new Error(`${file} ended with ${code} before it was ready`)));
  });
  return child;
}

/** One of the programs beside this file, as node's arguments. */
async function program(name: string): Promise<[string, string]> {
  const checkout = await checkoutForOthers(resolve("."));
  const node = process.execPath.replace(`${resolve(".")}/`, `${checkout}/`);
  return [node, join(checkout, "dist/lab/escape/programs", `${name}.mjs`)];
}

export async function startProgram(who: Person, name: string, ...args: string[]): Promise<ChildProcess> {
  return start(who, ...(await program(name)), ...args);
}

export interface Call {
  readonly method: string;
  readonly request?: unknown;
  /** The run that comes of it, to its end. */
  readonly follow?: boolean;
}

export interface Answer {
  /** Of gRPC; 0 when it was answered. */
  readonly status: number;
  /** As luksmith names it; empty when the error is none of its own. */
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  /** What was answered, or streamed. */
  readonly responses: readonly unknown[];
  /** How its run ended, where it was followed. */
  readonly ended?: {
    readonly state: number;
    readonly summary: string;
    readonly error?: { code: string; message: string };
  };
}

/** Asks the agent with a client that is not luksmith's, by any request. Bytes are given as `{ base64 }`. */
export async function ask(
  who: Person,
  calls: readonly Call[],
  metadata: Record<string, string> = {},
): Promise<Answer[]> {
  const child = spawn("setpriv", [...login(who), ...(await program("ask"))], {
    cwd: "/",
    stdio: ["pipe", "pipe", "inherit"],
  });
  const pieces: Buffer[] = [];
  child.stdout.on("data", (piece: Buffer) => pieces.push(piece));
  child.stdin.end(JSON.stringify({ calls, metadata }));
  const code = await new Promise((settle) => child.once("close", settle));
  assert.equal(code, 0, "the client itself did not fail");
  return JSON.parse(Buffer.concat(pieces).toString());
}

export function bytes(text: string | Buffer): { base64: string } {
  return { base64: Buffer.from(text).toString("base64") };
}

/** What is at these places: names, owners, modes, sizes, times, to be compared with another time. */
export async function fingerprint(...places: string[]): Promise<string> {
  const { stdout } = await run("find", [...places, "-printf", "%p %i %U:%G %m %s %T@ %l\\n"], { maxBuffer: 2 ** 26 });
  return stdout;
}
