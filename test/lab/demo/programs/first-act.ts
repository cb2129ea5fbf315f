/** The demonstration, inside the lab: a machine, a backup host, and the main job from beginning to end, for real. */

import { globSync } from "node:fs";
import { cp, mkdir, readdir, rm, stat, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { formatBytes, formatCount } from "../../../../common/units.ts";
import { configPath, identityFile, LabAgent } from "../../harness/lab-agent.ts";
import { SecondHost } from "../../harness/second-host.ts";
import { chapter, lookForLeftovers, play, say, type } from "../stage.ts";

const documents = "/srv/documents";
const restored = "/srv/restored";
const sourceBytes = 120 * 2 ** 20;
const luksmith = resolve("dist/luksmith.mjs");

const config = (host: SecondHost) => `remotes:
  vault: { host: ${host.address}, user: ${host.user}, path: images }
volumes:
  home: { remote: vault, image: home.luks, size: 512M, kdf: { type: pbkdf2, iterations: 1000 } }   # cheap: emulated CPU
jobs:
  documents: { volume: home, sources: [${documents}], exclude: ["*.tmp"] }
`;

async function typeLuksmith(...words: string[]): Promise<void> {
  await type(["luksmith", ...words], [process.execPath, luksmith, ...words]);
}

/** A real directory: programs and libraries of this machine, up to a size. */
async function makeDocuments(): Promise<{ files: number; bytes: number }> {
  await mkdir(documents, { recursive: true });
  let files = 0;
  let bytes = 0;
  for (const directory of ["/usr/bin", "/usr/sbin", ...globSync("/usr/lib/*-linux-gnu")]) {
    for (const entry of await readdir(directory, { withFileTypes: true })) {
      if (!entry.isFile() || bytes >= sourceBytes) continue;
      const from = join(directory, entry.name);
      await cp(from, join(documents, entry.name));
      files += 1;
      bytes += (await stat(from)).size;
    }
  }
  return { files, bytes };
}

async function main(): Promise<void> {
  chapter("two hosts");
  await using host = await SecondHost.create({ identityFile });
  await host.setLink({ rttMs: 10 });
  say(`this machine, and the backup host "vault" at ${host.address}, 10 ms away, which nobody has to trust`);
  const { files, bytes } = await makeDocuments();
  say(`to be backed up: ${documents}, ${formatCount(files)} files, ${formatBytes(bytes)}`);
  say(`\n$ cat ${configPath}\n${config(host)}`);
  await using agent = await LabAgent.start(config(host));
  say("luksmith-agent is up");

  chapter("trust the host, create the volume");
  await typeLuksmith("remote", "trust", "vault", "--fingerprint", await host.hostKeyFingerprint());
  await typeLuksmith("doctor");
  await typeLuksmith("volume", "create", "home");

  chapter("back up, change something, back up again");
  await typeLuksmith("backup", "documents");
  await writeFile(join(documents, "letter.txt"), "changed between two backups\n");
  await rm(join(documents, (await readdir(documents)).find((name) => name !== "letter.txt") ?? ""));
  say("\none file written, one deleted");
  await typeLuksmith("backup", "documents");
  await typeLuksmith("snapshots", "documents");

  chapter("what the backup host sees");
  await type(["ls", "-lhs", host.imagesPath]);
  await type(["cryptsetup", "luksUUID", join(host.imagesPath, "home.luks")]);

  chapter("get one file back, then everything, and compare");
  await typeLuksmith("restore", "documents@latest", join(documents, "letter.txt"), "--to", join(restored, "one"));
  await type(["cat", join(restored, "one", documents, "letter.txt")]);
  await typeLuksmith("restore", "documents", "--to", join(restored, "all"));
  await type(["diff", "--recursive", "--no-dereference", documents, join(restored, "all", documents)]);
  say("no difference, byte for byte");
  await typeLuksmith("verify", "documents");
  await typeLuksmith("runs");

  chapter("stop the agent, and look for anything left behind");
  const exitCode = await agent.stop();
  say(`luksmith-agent ended with exit code ${exitCode}`);
  await type(["dmsetup", "ls"]);
  await type(["losetup", "--list"]);
  if (exitCode !== 0) throw new Error("that is not how it should end");
  await lookForLeftovers();
}

await play(main);
