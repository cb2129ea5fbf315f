import assert from "node:assert/strict";
import { test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import { DispatchState, MachineState } from "../../../proto/gen/luksmith/v1/controller.ts";
import {
  endedDispatch,
  runningFleetRun,
  sampleDispatch,
  sampleFleetRun,
  sampleMachine,
  sampleView,
} from "../../unit/cli/fleet-samples.ts";
import { startCliOnTerminal } from "./cli-process.ts";
import { scriptedController } from "./scripted-controller.ts";

const noColour = { NO_COLOR: "1" };
const enter = "\x1b[?1049h";
const leave = "\x1b[?1049l";

test("run on a terminal: a picture that is redrawn in place with progress, and in the end a table", async () => {
  const goOn = Promise.withResolvers<void>();
  const queued = [sampleDispatch({ id: "d-web01" }), sampleDispatch({ id: "d-web02", machine: "web02" })];
  await using controller = await scriptedController({
    dispatch: () => ({ batch: "b4k2", dispatches: queued, skipped: [] }),
    watchDispatches: async (_request, send) => {
      for (const dispatch of queued) send({ dispatch });
      const run = runningFleetRun({ progress: undefined });
      send({ dispatch: sampleDispatch({ id: "d-web01", state: DispatchState.RUNNING, run }) });
      await goOn.promise;
      send({ dispatch: endedDispatch(sampleFleetRun()) });
      send({ dispatch: endedDispatch(sampleFleetRun({ machine: "web02" })) });
    },
    watchFleet: async (_request, send, gone) => {
      send(sampleView({ running: [runningFleetRun()] }));
      await new Promise((resolve) => gone.addEventListener("abort", resolve));
    },
  });
  const cli = startCliOnTerminal(["fleet", "run", "env=prod", "backup", "home"], 100, {
    env: { ...controller.env, ...noColour },
  });
  await cli.printed(/web01 {2}running {5}copy {2}34 %/);
  goOn.resolve();
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0);
  assert.match(stdout, /backup home on 2 machines {2}1 running, 1 queued\r\nweb01 {2}running/);
  // back to the first of three lines, and all of them gone, before the table comes
  assert.match(stdout, /\r\x1b\[2A\x1b\[JRUN +OUTCOME/);
  assert.match(
    stdout.slice(stdout.lastIndexOf("\x1b[J")),
    /^\x1b\[JRUN.*\r\nweb01\/7f3a9c21 +done.*\r\nweb02\/7f3a9c21 +done/,
  );
});

test("top draws on a screen of its own, fits it, tries again when the controller is away, and ends with q", async () => {
  let watches = 0;
  await using controller = await scriptedController({
    watchFleet: async (request, send, gone) => {
      assert.deepEqual(request, { selector: "env=prod" });
      watches += 1;
      const running = Array.from({ length: 60 }, (_, index) => runningFleetRun({ machine: `web${index}` }));
      send(sampleView({ running }));
      if (watches === 1) throw new LuksmithError("unreachable", "the database is away");
      await new Promise((resolve) => gone.addEventListener("abort", resolve));
    },
  });
  const cli = startCliOnTerminal(["fleet", "top", "env=prod"], 90, { env: { ...controller.env, ...noColour } });
  await cli.printed(/the database is away; trying again/);
  const before = cli.stdout.length;
  while (watches < 2) await new Promise((resolve) => cli.child.stdout.once("data", resolve));
  await cli.printed(/RUNNING \(60, 1\d shown\)/);
  cli.child.stdin.write("q");
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 0);
  assert.ok(stdout.startsWith(enter) && stdout.trimEnd().endsWith(leave));
  assert.ok(stdout.length > before);
  for (const picture of stdout.split("\x1b[H").slice(1)) {
    const lines = picture.split("\x1b[J")[0]?.split("\r\n") ?? [];
    assert.ok(lines.length <= 24, `${lines.length} lines`);
    for (const line of lines) assert.ok(line.replace("\x1b[K", "").length < 90, JSON.stringify(line));
  }
});

test("top ends with Ctrl-C as well, and gives the screen back", async () => {
  await using controller = await scriptedController({
    watchFleet: async (_request, send, gone) => {
      send(sampleView());
      await new Promise((resolve) => gone.addEventListener("abort", resolve));
    },
  });
  const cli = startCliOnTerminal(["fleet", "top"], 90, { env: controller.env });
  await cli.printed(/web01/);
  cli.child.stdin.write("\x03");
  const { exitCode, stdout } = await cli.ended;
  assert.equal(exitCode, 130);
  assert.ok(stdout.trimEnd().endsWith(leave));
});

test("what cannot be taken back asks; no is no", async () => {
  await using controller = await scriptedController({
    revokeMachine: () => ({ machine: sampleMachine({ state: MachineState.REVOKED }) }),
  });
  const answered = async (answer: string) => {
    const cli = startCliOnTerminal(["fleet", "revoke", "web01"], 100, { env: { ...controller.env, ...noColour } });
    await cli.printed(/Revoke web01: .* \(yes\/no\)\? /);
    cli.child.stdin.write(`${answer}\n`);
    return cli.ended;
  };
  const no = await answered("no");
  assert.equal(no.exitCode, 130);
  assert.match(no.stdout, /you did not say yes: nothing was changed/);
  assert.deepEqual(controller.calls, []);
  const yes = await answered("perhaps\nyes");
  assert.equal(yes.exitCode, 0);
  assert.match(yes.stdout, /Please type yes or no: /);
  assert.match(yes.stdout, /web01 is revoked/);
});

test("every machine asks where somebody can be asked", async () => {
  const asked: boolean[] = [];
  await using controller = await scriptedController({
    dispatch: ({ everyMachine }) => {
      asked.push(everyMachine);
      if (!everyMachine) {
        throw new LuksmithError("usage", '"all" is every machine: 2 machines', {
          hint: "--all-machines, if that is meant",
        });
      }
      return { batch: "b4k2", dispatches: [sampleDispatch()], skipped: [] };
    },
  });
  const cli = startCliOnTerminal(["fleet", "run", "all", "backup", "home", "--detach"], 100, {
    env: { ...controller.env, ...noColour },
  });
  await cli.printed(/"all" is every machine: 2 machines\. Go on \(yes\/no\)\? /);
  cli.child.stdin.write("yes\n");
  const { exitCode } = await cli.ended;
  assert.equal(exitCode, 0);
  assert.deepEqual(asked, [false, true]);
});
