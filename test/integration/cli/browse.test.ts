import assert from "node:assert/strict";
import { test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import type { BrowseRequest, EndBrowseRequest } from "../../../proto/gen/luksmith/v1/agent.ts";
import { RunState, Verb } from "../../../proto/gen/luksmith/v1/types.ts";
import { runningRun, sampleEvent, sampleRun } from "../../unit/cli/samples.ts";
import { jsonLines, runCli, startCli } from "./cli-process.ts";
import { scriptedAgent } from "./scripted-agent.ts";

const path = "/run/luksmith/views/0-0123456789abcdef/home";
const run = runningRun({ verb: Verb.BROWSE });
const ended = sampleRun({ verb: Verb.BROWSE, state: RunState.DONE, summary: "ended, as it was asked to" });

test("browse: says where it is as soon as it is there", async () => {
  const requests: BrowseRequest[] = [];
  await using agent = await scriptedAgent({
    browse: (request) => {
      requests.push(request);
      return { run, path };
    },
    watchRun: (_request, send) => {
      send({ event: sampleEvent({ $case: "started", value: { run } }) });
      send({ event: sampleEvent({ $case: "stepBegan", value: { step: "connect" } }, 2) });
      send({ event: sampleEvent({ $case: "stepBegan", value: { step: "browse" } }, 3) });
      send({ event: sampleEvent({ $case: "ended", value: { run: ended } }, 4) });
    },
  });
  const followed = await runCli(["browse", "home@latest", "--idle", "5m"], agent);
  assert.equal(followed.exitCode, 0, followed.stderr);
  assert.equal(followed.stdout.split("\n")[0], path);
  assert.match(followed.stderr, /luksmith browse --end home/);
  const detached = await runCli(["browse", "home", "--detach"], agent);
  assert.equal(detached.stdout, `${path}\n`);
  const json = await runCli(["browse", "home", "--json"], agent);
  assert.deepEqual(jsonLines(json.stdout).filter(({ type }) => type === "browse" || type === "run_ended").length, 2);
  assert.deepEqual(
    requests.map(({ job, snapshot, idleMs }) => [job, snapshot, idleMs]),
    [
      ["home", "latest", 300_000],
      ["home", "", 0],
      ["home", "", 0],
    ],
  );
});

test("browse: Ctrl-C ends it, and is not over before it is", async () => {
  const asked = Promise.withResolvers<EndBrowseRequest>();
  const mayEnd = Promise.withResolvers<void>();
  await using agent = await scriptedAgent({
    browse: () => ({ run, path }),
    watchRun: async (_request, send) => {
      send({ event: sampleEvent({ $case: "stepBegan", value: { step: "browse" } }) });
      await mayEnd.promise;
      send({ event: sampleEvent({ $case: "ended", value: { run: ended } }, 2) });
    },
    endBrowse: (request) => {
      asked.resolve(request);
      return { run };
    },
  });
  const cli = startCli(["browse", "home"], agent);
  await cli.printed(/open until Ctrl-C/);
  cli.child.kill("SIGINT");
  assert.deepEqual(await asked.promise, { job: "home" });
  assert.equal(cli.child.exitCode, null);
  mayEnd.resolve();
  const { exitCode, stdout, stderr } = await cli.ended;
  assert.equal(exitCode, 130);
  assert.equal(stdout.split("\n")[0], path);
  assert.doesNotMatch(stderr, /^error:/m);
});

test("browse: one that fails leaves no path behind", async () => {
  const error = { code: "unreachable", message: "no host", hint: "" };
  await using agent = await scriptedAgent({
    browse: () => ({ run, path }),
    watchRun: (_request, send) => {
      send({ event: sampleEvent({ $case: "ended", value: { run: { ...ended, state: RunState.FAILED, error } } }) });
    },
  });
  const failed = await runCli(["browse", "home"], agent);
  assert.equal(failed.exitCode, 13);
  assert.equal(failed.stdout, "");
});

test("browse --end: ends it, and waits until it has", async () => {
  const requests: EndBrowseRequest[] = [];
  await using agent = await scriptedAgent({
    endBrowse: (request) => {
      requests.push(request);
      if (request.job === "other") throw new LuksmithError("not_found", "not browsed");
      return { run };
    },
    watchRun: (_request, send) => {
      send({ event: sampleEvent({ $case: "ended", value: { run: ended } }) });
    },
  });
  const done = await runCli(["browse", "--end"], agent);
  assert.equal(done.exitCode, 0, done.stderr);
  assert.equal((await runCli(["browse", "other", "--end"], agent)).exitCode, 10);
  assert.deepEqual(requests, [{ job: "" }, { job: "other" }]);
});

test("browse: what makes no sense is refused before anybody is asked", async () => {
  await using agent = await scriptedAgent({});
  for (const args of [
    [],
    ["home", "--idle", "soon"],
    ["home", "--idle", "5"],
    ["../home"],
    ["home@latest", "--end"],
    ["home", "--end", "--idle", "5m"],
    ["--end", "--detach"],
  ]) {
    assert.equal((await runCli(["browse", ...args], agent)).exitCode, 2, args.join(" "));
  }
  assert.deepEqual(agent.calls, []);
});
