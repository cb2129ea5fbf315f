import assert from "node:assert/strict";
import { test } from "node:test";
import { makeExec, mustRead } from "../../../common/exec.ts";
import { showName } from "../../../common/file-name.ts";
import { latin1, oddNames } from "./scratch.ts";

const { exec } = makeExec();

test("what is shown in $'...' is what bash reads back, byte for byte", async () => {
  const everyByte = Buffer.from(Array.from({ length: 255 }, (_, index) => index + 1));
  const names = [...oddNames, everyByte, Buffer.from("ä\u202eb\u0085'"), latin1("\x01" + "2"), latin1("\\x41'\xff")];
  const quoted = names.map(showName).filter((shown) => shown.startsWith("$'"));
  assert.ok(quoted.length > 10);
  const args = ["-c", `printf '%s\\0' ${quoted.join(" ")}`];
  const stdout = await mustRead(exec, { file: "bash", args });
  const read = stdout.toString("latin1").split("\0").slice(0, -1);
  assert.deepEqual(
    read,
    names.filter((name) => showName(name).startsWith("$'")).map((name) => name.toString("latin1")),
  );
});
