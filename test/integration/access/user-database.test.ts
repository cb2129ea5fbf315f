import assert from "node:assert/strict";
import { test } from "node:test";
import { UserDatabase } from "../../../agent/access/user-database.ts";
import { systemClock } from "../../../common/clock.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { makeExec } from "../../../common/exec.ts";
import { ManualClock } from "../runs/manual-clock.ts";
import { FakePrograms, writeUsers } from "./fake-programs.ts";

test("name and groups; a group without a name is left out", async (context) => {
  const programs = new FakePrograms(context);
  writeUsers(programs);
  const users = new UserDatabase(programs.exec, new ManualClock());
  assert.deepEqual(await users.account(1000), { name: "alice", groups: ["alice", "luksmith"] });
  assert.deepEqual(await users.account(1001), { name: "bob", groups: ["bob"] });
  assert.equal(await users.groupId("luksmith"), 990);
  assert.equal(await users.groupId("none"), undefined);
});

test("a uid without a name is in no group", async (context) => {
  const programs = new FakePrograms(context);
  writeUsers(programs);
  const users = new UserDatabase(programs.exec, new ManualClock());
  assert.deepEqual(await users.account(4711), { name: "#4711", groups: [] });
});

test("an answer about somebody else is not believed", async (context) => {
  const programs = new FakePrograms(context);
  programs.write("getent", 'echo "alice:x:1000:1000::/:/bin/sh"');
  const users = new UserDatabase(programs.exec, new ManualClock());
  assert.deepEqual(await users.account(1001), { name: "#1001", groups: [] });
});

test("no answer about groups, or one about others, puts nobody in a group", async (context) => {
  const programs = new FakePrograms(context);
  writeUsers(programs);
  programs.write("id", "exit 0");
  const users = new UserDatabase(programs.exec, new ManualClock());
  assert.deepEqual(await users.account(1000), { name: "alice", groups: [] });
  assert.deepEqual(programs.calls(), ["getent -- passwd 1000", "id -G -z -- alice"]);

  programs.write("id", "printf '1001 ' | tr ' ' '\\000'");
  programs.write(
    "getent",
    'if [ "$2" = passwd ]; then echo "bob:x:1001:1001::/:/bin/sh"; else echo "luksmith:x:990:"; fi',
  );
  assert.deepEqual(await users.account(1001), { name: "bob", groups: [] });
});

test("asked once for several calls, and again some seconds later", async (context) => {
  const programs = new FakePrograms(context);
  writeUsers(programs);
  const clock = new ManualClock();
  const users = new UserDatabase(programs.exec, clock);
  await Promise.all([users.account(1001), users.account(1001)]);
  clock.advance(4999);
  await users.account(1001);
  const lookup = ["getent -- passwd 1001", "id -G -z -- bob", "getent -- group 1001"];
  assert.deepEqual(programs.calls(), lookup);
  clock.advance(1);
  await users.account(1001);
  assert.deepEqual(programs.calls(), [...lookup, ...lookup]);
});

test("somebody who was removed from a group is out of it after a few seconds", async (context) => {
  const programs = new FakePrograms(context);
  writeUsers(programs);
  const clock = new ManualClock();
  const users = new UserDatabase(programs.exec, clock);
  assert.ok((await users.account(1000)).groups.includes("luksmith"));
  programs.write("id", "printf '1001 ' | tr ' ' '\\000'");
  clock.advance(5000);
  assert.deepEqual(await users.account(1000), { name: "alice", groups: ["bob"] });
});

test("a failure is an error and not remembered", async (context) => {
  const programs = new FakePrograms(context);
  programs.write("getent", "echo 'the directory is away' >&2; exit 3");
  const users = new UserDatabase(programs.exec, new ManualClock());
  await assert.rejects(users.account(1000), (error) => {
    assert.ok(error instanceof LuksmithError);
    assert.deepEqual([error.code, error.message], ["tool_failed", "getent failed: the directory is away"]);
    return true;
  });
  writeUsers(programs);
  assert.equal((await users.account(1000)).name, "alice");
  programs.write("id", "echo 'out of order' >&2; exit 1");
  await assert.rejects(users.account(1001), { message: "id failed: out of order" });
});

test("this system's own users", async () => {
  const users = new UserDatabase(makeExec().exec, systemClock);
  const root = await users.account(0);
  assert.equal(root.name, "root");
  assert.ok(root.groups.includes("root"));
  assert.equal(await users.groupId("root"), 0);
});

test("the numbers that a user's programs are started with", async (context) => {
  const programs = new FakePrograms(context);
  const entry = (line: string) =>
    programs.write("getent", `case "$*" in "-- passwd "*) echo '${line}' ;; *) exit 2 ;; esac`);
  programs.write("id", "printf '1000 990 4711 ' | tr ' ' '\\000'");
  const users = new UserDatabase(programs.exec, new ManualClock());
  entry("alice:x:1000:1002::/:/bin/sh");
  assert.deepEqual(await users.ids("alice"), { uid: 1000, gid: 1002, groups: [1002, 1000, 990, 4711] });
  entry("alice:x:1000:::/bin/sh");
  await assert.rejects(users.ids("alice"), { code: "tool_failed" });
  programs.write("getent", "exit 2");
  assert.equal(await users.ids("alice"), undefined);
});
