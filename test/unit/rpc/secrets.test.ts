import assert from "node:assert/strict";
import { test } from "node:test";
import { wipedUnlessBegun } from "../../../agent/rpc/secrets.ts";

test("what came with a request is wiped when nothing comes of it, and left to the run otherwise", async () => {
  const secrets = [Buffer.from("old"), Buffer.from("new")];
  assert.equal(await wipedUnlessBegun(secrets, () => Promise.resolve("begun")), "begun");
  assert.deepEqual(secrets.map(String), ["old", "new"]);
  const refused = () => Promise.reject(new Error("refused"));
  await assert.rejects(wipedUnlessBegun(secrets, refused), /refused/);
  for (const secret of secrets) assert.deepEqual(secret, Buffer.alloc(3));
});
