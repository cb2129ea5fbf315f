import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { connect, createServer, type Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { type TestContext, test } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { fixedEnvironment, lastWords, makeExec, mustRead, mustRun, type Running } from "../../../common/exec.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { nobody, rootOnly, scratch } from "../tools/scratch.ts";
import { hasEnded, isRunning } from "./process-state.ts";

const { exec, start } = makeExec();
const sh = (script: string, ...args: string[]) => ({ file: "sh", args: ["-c", script, "sh", ...args] });

/** What no child of these tests takes, unless it hangs. */
const longMs = 600_000;

test("output, errors and exit code", async () => {
  const finished = await exec(sh("printf 'a\\0\\377'; echo wrong >&2; exit 3"));
  assert.deepEqual(finished, { exitCode: 3, stdout: Buffer.from([0x61, 0, 0xff]), stderr: "wrong" });
});

test("between two of many that are started at once, what comes in is seen", async (context) => {
  const path = join(scratch(context), "socket");
  const server = createServer().listen(path);
  context.after(() => server.close());
  await once(server, "listening");
  const client = connect(path);
  const [peer] = (await once(server, "connection")) as [Socket];
  context.after(() => [client, peer].forEach((socket) => void socket.destroy()));
  const seen: string[] = [];
  peer.on("data", () => seen.push("heard"));
  const one = (name: string) =>
    exec({
      file: "true",
      args: [],
      deadlineMs: longMs,
      onStart: () => {
        seen.push(name);
        client.write("x");
      },
    });
  // asked for by input, as calls are
  client.write("x");
  await once(peer, "data");
  seen.length = 0;
  await Promise.all(["a", "b", "c"].map(one));
  assert.deepEqual(seen.slice(0, 5), ["a", "heard", "b", "heard", "c"]);
});

test("ended by a signal: it has said nothing, whatever its exit codes mean", async () => {
  for (const [signal, exitCode] of [
    ["SIGKILL", 137],
    ["SIGTERM", 143],
  ] as const) {
    const killed = sh(`kill -${signal.slice(3)} $$`);
    assert.deepEqual(await start(killed).finished.then((finished) => [finished.exitCode, finished.signal]), [
      exitCode,
      signal,
    ]);
    await assert.rejects(exec(killed), { code: "tool_failed", message: `sh was killed (${signal})` });
  }
});

test("arguments arrive as they are, never through a shell", async () => {
  const args = ["$(id)", "a b", "", "'\"", "*", "-x", "--", "a\nb", "`id`", "Übung", "~"];
  const { stdout } = await exec({ file: "printf", args: ["%s\\0", ...args] });
  assert.deepEqual(stdout.toString().split("\0").slice(0, -1), args);
});

test("the environment is the fixed one and what was added, nothing of ours", async () => {
  process.env.LUKSMITH_TEST_SECRET = "do not pass on";
  try {
    const { stdout } = await exec({ file: "env", args: ["--null"], env: { LUKSMITH_JOB: "home\nx" } });
    const found = stdout.toString().split("\0").slice(0, -1).sort();
    const wanted = Object.entries({ ...fixedEnvironment, LUKSMITH_JOB: "home\nx" }).map(
      ([key, value]) => `${key}=${value}`,
    );
    assert.deepEqual(found, wanted.sort());
  } finally {
    delete process.env.LUKSMITH_TEST_SECRET;
  }
});

test("a child gets no file that we have open", async (context) => {
  const path = join(scratch(context), "ours");
  const file = openSync(path, "w");
  context.after(() => closeSync(file));
  const { stdout } = await exec({ file: "ls", args: ["-l", "/proc/self/fd"] });
  assert.match(stdout.toString(), / 0 -> \/dev\/null$/m);
  assert.ok(!stdout.includes(path));
});

test("the working directory", async (context) => {
  const cwd = scratch(context);
  assert.equal((await exec({ file: "pwd", args: ["-P"], cwd })).stdout.toString().trim(), cwd);
});

const secret = Buffer.concat([Buffer.from("\0\n\xff secret", "latin1"), Buffer.alloc(1 << 20, 7)]);

test("standard input: bytes, text, a stream, nothing", async () => {
  assert.deepEqual((await exec({ file: "cat", args: [], stdin: secret })).stdout, secret);
  assert.equal((await exec({ file: "cat", args: [], stdin: "Übung" })).stdout.toString(), "Übung");
  const stdin = Readable.from([Buffer.from("a"), Buffer.from("b")]);
  assert.equal((await exec({ file: "cat", args: [], stdin })).stdout.toString(), "ab");
  assert.equal((await exec({ file: "cat", args: [] })).stdout.length, 0);
});

test("what goes in by standard input stands in no process list", async () => {
  const child = start({ file: "cat", args: [], stdin: new Readable({ read: () => undefined }), deadlineMs: longMs });
  const shown = () =>
    ["cmdline", "environ"].map((file) => readFileSync(`/proc/${child.pid}/${file}`, "latin1")).join("");
  assert.ok(await waitUntil(systemClock, longMs, () => shown().startsWith("cat\0")));
  assert.ok(!shown().includes("secret"));
  await child.stop();
});

test("a child that does not want its input is judged by its exit code", async () => {
  const stdin = Buffer.alloc(8 << 20);
  assert.equal((await exec({ file: "true", args: [], stdin })).exitCode, 0);
  assert.equal((await exec({ file: "false", args: [], stdin })).exitCode, 1);
});

for (const brief of [false, true]) {
  test(`a program that is not there, ${brief ? "brief" : "not brief"}`, async () => {
    await assert.rejects(exec({ file: "luksmith-no-such-program", args: [], brief }), {
      code: "tool_failed",
      message: "luksmith-no-such-program is not installed",
      hint: "luksmith doctor",
    });
  });
}

test("a brief one has the fixed environment, its input, and its end like any other", async () => {
  const asked = await exec({ ...sh("env | sort; cat; exit 3"), stdin: "input", brief: true });
  assert.equal(asked.exitCode, 3);
  assert.match(asked.stdout.toString(), /^HOME=\/\nLC_ALL=C\n(.*\n)*input$/);
  await assert.rejects(exec({ file: "sleep", args: ["600"], brief: true, deadlineMs: 100 }), /did not end within/);
  await assert.rejects(exec({ file: "true", args: ["x".repeat(1 << 20)], brief: true }), /could not start true/);
});

test("a working directory that is not there", async () => {
  await assert.rejects(exec({ file: "true", args: [], cwd: "/nonexistent/directory" }), {
    code: "tool_failed",
    message: "could not start true",
  });
});

test("more arguments than the system takes", async () => {
  await assert.rejects(exec({ file: "true", args: ["x".repeat(1 << 20)] }), {
    code: "tool_failed",
    message: "could not start true",
  });
});

test("an exit code of 127 alone does not mean that a program is missing", async () => {
  assert.equal((await exec(sh("exit 127"))).exitCode, 127);
});

test("programs are looked up where they are said to be", async (context) => {
  const directory = scratch(context);
  writeFileSync(join(directory, "hostname"), "#!/bin/sh\necho ours\n", { mode: 0o755 });
  const { stdout } = await makeExec(`${directory}:${fixedEnvironment.PATH}`).exec({ file: "hostname", args: [] });
  assert.equal(stdout.toString(), "ours\n");
});

/** @returns the id that the child's script has written there */
async function pidIn(file: string): Promise<number> {
  assert.ok(await waitUntil(systemClock, 20_000, () => existsSync(file) && readFileSync(file, "utf8").endsWith("\n")));
  return Number(readFileSync(file, "utf8"));
}

/** A shell that has started a child of its own, which shrugs off a polite request. */
const stubbornFamily =
  '(trap \'\' TERM; echo $$ >&2; sh -c \'trap "" TERM; echo $$ > "$1"; sleep 600\' sh "$1") & wait';

test("at its deadline the whole group is ended", async (context) => {
  const file = join(scratch(context), "pid");
  const finished = exec({ ...sh(stubbornFamily, file), deadlineMs: 1500, graceMs: 100 });
  finished.catch(() => undefined);
  const grandchild = await pidIn(file);
  await assert.rejects(finished, { code: "tool_failed", message: "sh did not end within 2 s" });
  assert.ok(await hasEnded(grandchild));
});

test("cancelled, the whole group is ended, for the signal's reason", async (context) => {
  const file = join(scratch(context), "pid");
  const controller = new AbortController();
  const reason = new LuksmithError("cancelled", "somebody said so");
  const finished = exec({ ...sh(stubbornFamily, file), signal: controller.signal, graceMs: 100 });
  finished.catch(() => undefined);
  const grandchild = await pidIn(file);
  controller.abort(reason);
  await assert.rejects(finished, (error) => error === reason);
  assert.ok(await hasEnded(grandchild));
});

test("a child that ends politely has the time that it was given", async (context) => {
  const file = join(scratch(context), "pid");
  const controller = new AbortController();
  const script = 'trap \'echo bye > "$1.bye"; exit 0\' TERM; echo $$ > "$1"; while :; do sleep 0.05; done';
  const finished = exec({ ...sh(script, file), signal: controller.signal, graceMs: longMs });
  finished.catch(() => undefined);
  await pidIn(file);
  controller.abort();
  await assert.rejects(finished, { name: "AbortError" });
  assert.ok(existsSync(`${file}.bye`));
});

test("a signal that is aborted already starts nothing, and is a rejection, not a throw", async (context) => {
  const file = join(scratch(context), "started");
  const reason = new RangeError("enough");
  const finished = exec({ file: "touch", args: [file], signal: AbortSignal.abort(reason) });
  await assert.rejects(finished, (error) => error === reason);
  assert.ok(!existsSync(file));
});

test("a signal that fires after the end changes nothing", async () => {
  const controller = new AbortController();
  const { exitCode } = await exec({ file: "true", args: [], signal: controller.signal, deadlineMs: longMs });
  controller.abort();
  assert.equal(exitCode, 0);
});

test("stopped: gone when it resolves, and finished says by what", async () => {
  const child = start({ file: "sleep", args: ["600"] });
  assert.ok(isRunning(child.pid));
  await child.stop();
  assert.ok(await hasEnded(child.pid));
  assert.equal((await child.finished).exitCode, 143);
  await child.stop();
});

test("stopped, one that does not want to", async (context) => {
  const file = join(scratch(context), "pid");
  const child = start({ ...sh(stubbornFamily, file), graceMs: 100 });
  const grandchild = await pidIn(file);
  await child.stop();
  assert.ok(await hasEnded(grandchild));
  assert.ok(await hasEnded(child.pid));
});

test("an answer that is too large is none", async () => {
  const child = start({ file: "head", args: ["-c", `${17 * 2 ** 20}`, "/dev/zero"], deadlineMs: longMs });
  await assert.rejects(child.finished, { code: "tool_failed", message: "head printed too much" });
  assert.ok(await hasEnded(child.pid));
});

test("taken piece by piece, it may be of any size", async () => {
  let bytes = 0;
  const { stdout } = await exec({
    file: "head",
    args: ["-c", `${17 * 2 ** 20}`, "/dev/zero"],
    onStdout: (chunk) => {
      bytes += chunk.length;
    },
  });
  assert.equal(bytes, 17 * 2 ** 20);
  assert.equal(stdout.length, 0);
});

test("gathered, many small pieces are few large ones, and nothing is late or missing at the end", async () => {
  const pieces: Buffer[] = [];
  // far longer than the test may take: what there is must come when the child ends
  const gatherMs = longMs;
  const script = "for i in 1 2 3 4 5 6 7 8 9; do echo $i; sleep 0.05; done";
  await exec({ ...sh(script), gatherMs, onStdout: (chunk) => void pieces.push(chunk), deadlineMs: longMs });
  assert.equal(Buffer.concat(pieces).toString(), "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
  assert.ok(pieces.length <= 4, `${pieces.length} pieces`);
});

test("gathered as well, it may be of any size", async () => {
  const size = 3 * 2 ** 20;
  let bytes = 0;
  const onStdout = (chunk: Buffer) => {
    bytes += chunk.length;
  };
  const args = ["-c", `${size}`, "/dev/zero"];
  await exec({ file: "head", args, gatherMs: 10, onStdout, deadlineMs: longMs });
  assert.equal(bytes, size);
});

test("one who cannot take any more ends the child", async () => {
  const reason = new RangeError("no more");
  for (const onStdout of [
    () => {
      throw reason;
    },
    () => Promise.reject(reason),
  ]) {
    const child = start({ file: "yes", args: [], onStdout, deadlineMs: longMs });
    await assert.rejects(child.finished, (error) => error === reason);
    assert.ok(await hasEnded(child.pid));
  }
});

test("one who takes slowly gets everything, however long ago the child has ended", async () => {
  const size = 300_000;
  let bytes = 0;
  const child = start({
    file: "head",
    args: ["-c", `${size}`, "/dev/zero"],
    onStdout: async (chunk) => {
      // far longer than pipes that nobody writes to any more are listened to
      await systemClock.sleep(bytes === 0 || bytes + chunk.length === size ? 1200 : 0);
      bytes += chunk.length;
    },
  });
  assert.equal((await child.finished).exitCode, 0);
  assert.equal(bytes, size);
});

test("one who never takes what there is does not outlast its signal", async () => {
  const controller = new AbortController();
  const reason = new RangeError("enough");
  const child = start({
    ...sh("echo x"),
    signal: controller.signal,
    onStdout: () => new Promise(() => undefined),
  });
  assert.ok(await hasEnded(child.pid));
  controller.abort(reason);
  await assert.rejects(child.finished, (error) => error === reason);
});

test("a grandchild that left the group and holds the pipes is not waited for", async (context) => {
  const file = join(scratch(context), "pid");
  const finished = exec({ ...sh('setsid sh -c \'echo $$ > "$1"; exec sleep 600\' sh "$1" & echo done', file) });
  const grandchild = await pidIn(file);
  context.after(() => process.kill(grandchild, "SIGKILL"));
  const { exitCode, stdout } = await finished;
  assert.equal(exitCode, 0);
  assert.equal(stdout.toString(), "done\n");
  assert.ok(isRunning(grandchild));
});

test("of what it complains, the end is kept, and all of it passed on", async () => {
  const pieces: Buffer[] = [];
  const { stderr } = await exec({
    ...sh("for i in $(seq 1 1000); do echo line $i >&2; done"),
    onStderr: (chunk) => {
      pieces.push(chunk);
    },
  });
  assert.deepEqual(
    stderr.split("\n"),
    Array.from({ length: 25 }, (_, index) => `line ${976 + index}`),
  );
  assert.equal(Buffer.concat(pieces).toString().trimEnd().split("\n").length, 1000);
});

test("one endless line of complaint is cut", async () => {
  const { stderr } = await exec(sh("head -c 5000000 /dev/zero | tr '\\0' x >&2"));
  assert.equal(stderr.length, 64 * 2 ** 10);
});

test("complaints in UTF-8 and in no encoding at all", async () => {
  assert.equal((await exec(sh("printf 'Übung\\n\\377' >&2"))).stderr, "Übung\n\ufffd");
});

test("complaints are readable even when somebody still holds the pipe", async (context) => {
  const file = join(scratch(context), "pid");
  const script = 'setsid sh -c \'echo $$ > "$1"; exec sleep 600\' sh "$1" & echo Übung >&2';
  const finished = exec(sh(script, file));
  const grandchild = await pidIn(file);
  context.after(() => process.kill(grandchild, "SIGKILL"));
  assert.equal((await finished).stderr, "Übung");
});

test("last words, and a command that has to succeed", async () => {
  assert.equal(lastWords(await exec(sh("echo a >&2; echo '  b  ' >&2; echo >&2; exit 1"))), "b");
  assert.equal(lastWords(await exec(sh("exit 4"))), "exit code 4");
  assert.equal((await mustRead(exec, sh("echo x"))).toString(), "x\n");
  await mustRun(exec, sh("echo x"));
  await assert.rejects(mustRun(exec, sh("echo no >&2; exit 4")), { code: "tool_failed", message: "sh failed: no" });
});

test("as another user: their groups, no way back, none of root's rights", rootOnly, async () => {
  const run = async (file: string, ...args: string[]) =>
    (await exec({ file, args, as: nobody })).stdout.toString().trim();
  assert.equal(await run("id", "-u"), `${nobody.uid}`);
  assert.equal(await run("id", "-G"), `${nobody.gid}`);
  const status = await run("cat", "/proc/self/status");
  assert.match(status, /^Uid:\t65534\t65534\t65534\t65534$/m);
  assert.match(status, /^Gid:\t65534\t65534\t65534\t65534$/m);
  assert.match(status, /^NoNewPrivs:\t1$/m);
  for (const set of ["Inh", "Prm", "Eff", "Amb"]) assert.match(status, new RegExp(`^Cap${set}:\t0{16}$`, "m"));
  assert.notEqual((await exec({ file: "cat", args: ["/etc/shadow"], as: nobody })).exitCode, 0);
});

/** @returns the parent and the id of its child, which is by then what it was started for */
async function doomedParent(context: TestContext, ...args: string[]): Promise<[ChildProcess, number]> {
  const script = join(import.meta.dirname, "doomed-parent.ts");
  const parent = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "inherit"] });
  context.after(() => parent.kill("SIGKILL"));
  const [line] = await once(createInterface({ input: parent.stdout }), "line");
  const child = Number(line);
  const cmdline = () => readFileSync(`/proc/${child}/cmdline`, "latin1");
  assert.ok(await waitUntil(systemClock, 20_000, () => cmdline().startsWith("sleep")));
  return [parent, child];
}

test("a child does not outlive a parent that is killed", async (context) => {
  const [parent, child] = await doomedParent(context);
  parent.kill("SIGKILL");
  assert.ok(await hasEnded(child));
});

test("nor does a child that runs as another user", rootOnly, async (context) => {
  const [parent, child] = await doomedParent(context, `${nobody.uid}`, `${nobody.gid}`);
  parent.kill("SIGKILL");
  assert.ok(await hasEnded(child));
});

test("a child that stands still does nothing, goes on when it is resumed, and can be ended", async () => {
  const running = Promise.withResolvers<Running>();
  let ticks = 0;
  const child = start({
    file: "bash",
    args: ["-c", "while sleep 0.02; do echo tick; done"],
    onStart: running.resolve,
    onStdout: () => {
      ticks += 1;
    },
  });
  const { pid, pause, resume } = await running.promise;
  assert.equal(pid, child.pid);
  const ticked = async (after: number) => {
    while (ticks <= after) await systemClock.sleep(5);
  };
  await ticked(0);
  pause();
  const isStopped = () => /^State:\s+T/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  while (!isStopped()) await systemClock.sleep(5);
  resume();
  await ticked(ticks);
  pause();
  while (!isStopped()) await systemClock.sleep(5);
  await child.stop();
  await assert.doesNotReject(child.finished);
});

test("what a child has started and left in its group ends with it, where that is wanted", async () => {
  const script = "sleep 600 >/dev/null 2>&1 & echo $!";
  for (const endsItsGroup of [true, false]) {
    const { stdout } = await exec({ file: "bash", args: ["-c", script], endsItsGroup });
    const left = Number(stdout.toString());
    if (endsItsGroup) assert.ok(await hasEnded(left));
    else process.kill(left, "SIGKILL");
  }
});
