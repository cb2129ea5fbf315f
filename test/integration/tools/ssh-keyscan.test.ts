import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { parseKnownHosts } from "../../../agent/tools/ssh-keyscan.ts";
import { makeExec, mustRead, mustRun } from "../../../common/exec.ts";
import { scratch } from "./scratch.ts";

const { exec } = makeExec();

for (const [type, bits] of [
  ["ed25519", "256"],
  ["ecdsa", "256"],
  ["ecdsa", "384"],
  ["ecdsa", "521"],
  ["rsa", "2048"],
] as const) {
  test(`the fingerprint of a ${type} key of ${bits} bits is the one that ssh-keygen prints`, async (context) => {
    const file = join(scratch(context), "key");
    await mustRun(exec, {
      file: "ssh-keygen",
      args: ["-q", "-t", type, "-b", bits, "-N", "", "-C", "x y", "-f", file],
    });
    const stdout = await mustRead(exec, { file: "ssh-keygen", args: ["-l", "-f", `${file}.pub`] });
    const [, printed] = stdout.toString().split(" ");
    const [key, ...others] = parseKnownHosts(`vault ${readFileSync(`${file}.pub`, "utf8")}`);
    assert.equal(key?.fingerprint, printed);
    assert.match(printed ?? "", /^SHA256:/);
    assert.deepEqual(others, []);
  });
}
