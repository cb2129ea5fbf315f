/** A file system of a user's own (FUSE) that takes a question and never answers it: whoever asks cannot even be killed. */

import { execFile, spawn } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { promisify } from "node:util";

const run = promisify(execFile);

/**
 * Opens /dev/fuse, says by what name (its descriptor is handed to mount), answers FUSE_INIT, and from then on only listens.
 * Source: include/uapi/linux/fuse.h, protocol 7.31
 */
const server = `
const { openSync, readSync, writeSync } = require("node:fs");
const { spawnSync } = require("node:child_process");
const [place, uid, gid, more] = process.argv.slice(1);
const device = openSync("/dev/fuse", "r+");
const options = "fd=3,rootmode=40000,user_id=" + uid + ",group_id=" + gid + more;
const mounted = spawnSync("mount", ["--internal-only", "--types", "fuse", "--options", options, "hanging", place], {
  stdio: ["ignore", "inherit", "inherit", device],
});
if (mounted.status !== 0) process.exit(1);
const request = Buffer.alloc(1 << 20);
readSync(device, request);
const answer = Buffer.alloc(80);
answer.writeUInt32LE(80, 0);
request.copy(answer, 8, 8, 16);
answer.writeUInt32LE(7, 16);
answer.writeUInt32LE(31, 20);
// FUSE_PARALLEL_DIROPS: of several who look for a name, each is heard
answer.writeUInt32LE(1 << 18, 28);
answer.writeUInt32LE(4096, 36);
writeSync(device, answer);
process.stdout.write("mounted\\n");
// until the kernel ends it
process.on("uncaughtException", () => process.exit(0));
for (;;) {
  readSync(device, request);
  process.stdout.write("asked\\n");
}
`;

export interface HangingFilesystem {
  /** Somebody waits for it. */
  isAsked(): boolean;
  /** How often, by whomever. */
  timesAsked(): number;
  end(): Promise<void>;
}

/**
 * @param place an absolute path, made when missing
 * @param options.isForAll others may ask it as well, root among them, as where fuse.conf(5) has user_allow_other
 */
export async function hangingFilesystem(
  place: string,
  user: { uid: number; gid: number },
  { isForAll = false } = {},
): Promise<HangingFilesystem> {
  await mkdir(place, { recursive: true });
  const more = isForAll ? ",allow_other" : "";
  const child = spawn(process.execPath, ["--eval", server, place, `${user.uid}`, `${user.gid}`, more], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let said = "";
  await new Promise<void>((resolve, reject) => {
    child.once("exit", () => reject(new Error("the file system could not be mounted")));
    child.stdout.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("mounted")) resolve();
    });
  });
  return {
    isAsked: () => said.includes("asked"),
    timesAsked: () => said.split("asked").length - 1,
    end: async () => {
      const gone = new Promise((resolve) => {
        if (child.exitCode !== null || child.signalCode !== null) resolve(undefined);
        child.once("exit", resolve);
      });
      child.kill("SIGKILL");
      await gone;
      await run("umount", ["--lazy", place]);
    },
  };
}
