/** Every verb over a network block device, through the tunnel. */

import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { promisify } from "node:util";
import { cheapKdf } from "./harness/lab-agent.ts";
import { assertDone, Scene } from "./harness/scene.ts";
import { makeManyFiles } from "./harness/tree.ts";

const run = promisify(execFile);
const source = "/srv/source";
const target = "/srv/target";

describe("over nbd, in the tunnel", () => {
  const scene = Scene.set({
    remote: "transport: nbd",
    helper: {},
    prepare: async () => {
      await mkdir(source, { recursive: true });
      await makeManyFiles(join(source, "small"), 60, 2000);
      await writeFile(join(source, "large"), Buffer.alloc(8 * 2 ** 20, "large file\n"));
    },
    config: `
volumes:
  home: { remote: vault, image: home.luks, size: 64M, ${cheapKdf} }
jobs:
  docs: { volume: home, sources: [${source}] }
`,
  });
  after(() => Promise.all([source, target].map((path) => rm(path, { recursive: true, force: true }))));

  it("makes a volume", async () => {
    await scene.agent.trust();
    assertDone(await scene.agent.create("home"));
  });

  it("backs up, twice", async () => {
    assertDone(await scene.agent.backup("docs"));
    await writeFile(join(source, "new"), "new\n");
    assertDone(await scene.agent.backup("docs"));
  });

  it("gives everything back", async () => {
    await mkdir(target, { recursive: true });
    assertDone(await scene.agent.restore("docs", target));
    await run("diff", ["--recursive", source, join(target, source)]);
  });

  it("finds the volume in order", async () => {
    assertDone(await scene.agent.check("home"));
    assertDone(await scene.agent.verify("docs"));
  });
});
