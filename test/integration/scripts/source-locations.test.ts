import assert from "node:assert/strict";
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { build } from "esbuild";
import { SourceLocations } from "../../../scripts/source-locations.ts";

describe("places in what was printed", () => {
  let root: string;
  let locations: SourceLocations;

  before(async () => {
    root = realpathSync(mkdtempSync(join(tmpdir(), "luksmith-locations-")));
    writeFileSync(join(root, "a.ts"), 'import { fail } from "./b.ts";\n\nfail();\n');
    writeFileSync(join(root, "b.ts"), 'export function fail(): never {\n  throw new Error("here");\n}\n');
    await build({
      entryPoints: [join(root, "a.ts")],
      outfile: join(root, "dist/a.test.mjs"),
      ...{ bundle: true, format: "esm", sourcemap: "linked", logLevel: "silent" },
    });
    locations = new SourceLocations(root);
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it("are those of the sources", async () => {
    const thrown = await import(join(root, "dist/a.test.mjs")).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(thrown instanceof Error);
    const [, inFail, inMain] = locations.rewrite(thrown.stack ?? "").split("\n");
    assert.equal(inFail, "    at fail (b.ts:2:9)");
    assert.equal(inMain, "    at a.ts:3:1");
  });

  it("stay as they are where nobody knows better", () => {
    const text = "at dist/other.mjs:1:2 and common/exec.ts:3:4";
    assert.equal(locations.rewrite(text), text);
  });

  it("are rewritten in whole lines, however the pieces were cut", () => {
    const lines: string[] = [];
    const write = locations.line((text) => lines.push(text));
    write(Buffer.from("one dist/a.test"));
    assert.deepEqual(lines, []);
    write(Buffer.from(".mjs:2:9 ü\ntwo"));
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? "", /^one b\.ts:\d+:\d+ ü\n$/);
  });
});
