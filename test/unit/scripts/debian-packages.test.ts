import assert from "node:assert/strict";
import { it } from "node:test";
import { packagesFor } from "../../../scripts/debian-packages.ts";

it("every Debian package is listed once, with its reason, and the benchmark needs the tests' and more", () => {
  const names = packagesFor("bench").map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
  for (const { name, because } of packagesFor("bench")) assert.ok(because.length > 0, name);
  for (const { name } of packagesFor("test")) assert.ok(names.includes(name), name);
  assert.ok(names.length > packagesFor("test").length);
});
