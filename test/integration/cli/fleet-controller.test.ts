import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { systemClock } from "../../../common/clock.ts";
import { Store } from "../../../controller/store/store.ts";
import { RunState } from "../../../proto/gen/luksmith/v1/types.ts";
import { silent } from "../controller/harness/fleet-scene.ts";
import { OpsScene } from "../controller/harness/ops-scene.ts";
import { type Ended, jsonLines, runCli } from "./cli-process.ts";
import { writeCredential } from "./scripted-controller.ts";

/** The command line and the controller's own service, with nothing scripted between them. */
let scene: OpsScene;
let store: Store;
let directory = "";
let env: Record<string, string> = {};

before(async () => {
  store = await Store.open(":memory:", systemClock, silent);
  scene = await OpsScene.start(store);
  directory = await mkdtemp(join(tmpdir(), "luksmith-fleet-"));
  await scene.operator("admin", "admin");
  const { certificate, key } = await scene.fleet.credential("operator", "admin");
  const addresses = [scene.fleet.address];
  const credential = { addresses, authorities: await scene.fleet.trusted(), certificate, key };
  env = { HOME: directory, LUKSMITH_FLEET: await writeCredential(directory, "admin.yaml", credential) };
  await scene.machine("web1", { env: "prod" });
  await scene.machine("db1", { env: "test" });
  await scene.machine("new1", {}, { state: "pending" });
});

after(async () => {
  await scene[Symbol.asyncDispose]();
  await rm(directory, { recursive: true });
});

const fleet = (args: string, stdin = ""): Promise<Ended> =>
  runCli(["fleet", ...args.split(" ")], { env, stdin, cwd: directory });

async function says(args: string, text: RegExp, stdin = ""): Promise<string> {
  const { exitCode, stdout, stderr } = await fleet(args, stdin);
  assert.equal(exitCode, 0, `${args}: ${stderr}`);
  assert.match(stdout, text);
  return stdout;
}

async function refuses(args: string, exitCode: number, text: RegExp, stdin = ""): Promise<void> {
  const ended = await fleet(args, stdin);
  assert.equal(ended.exitCode, exitCode, `${args}: ${ended.stdout}${ended.stderr}`);
  assert.match(ended.stderr, text);
}

test("machines: seen, accepted, labelled, renamed", async () => {
  await says("status", /^you are +admin, admin for every machine/m);
  await says("machines", /^web1-name +away +env=prod/m);
  await says("machines --jobs env=prod", /^web1-name +home +never/m);
  await says("accept new1 --name new", /^new is one of the fleet$/m);
  await says("label new env=prod", /^new: env=prod$/m);
  await says("rename new newer", /is called newer/);
  await refuses("label newer name=x", 2, /^error: .*\nhint: /);
  await refuses("rename newer web1-name", 1, /^error: .*\nhint: /);
  await refuses("machines env==prod", 2, /^error: selector .*\nhint: env=prod$/m);
  await says("revoke newer --yes", /is revoked/);
  await says("forget newer --yes", /is forgotten/);
});

test("the schedules of docs/fleet.md can be applied as they are, and read back", async () => {
  const guide = await readFile(new URL("../../../docs/fleet.md", import.meta.url), "utf8");
  const [, yaml = ""] = /^```yaml\n(.*?)^```$/ms.exec(guide) ?? [];
  await says(
    "apply -f - --dry-run",
    /^\+ nightly {2}1 machine$[\s\S]*^\+ weekly-check {2}1 machine$[\s\S]*^2 changes, not made$/m,
    yaml,
  );
  await says("apply -f -", /2 changes made$/m, yaml);
  await says("apply -f -", /nothing to change$/m, yaml);
  await says("schedules", /^nightly +env=prod +backup \* +0 2 \* \* \* Europe\/Berlin +1 /m);
  const text = await says("schedules nightly", /^name: nightly$/m);
  await says(
    "apply -f -",
    /^ {2}weekly-check .*--prune deletes it\n= nightly|^= nightly[\s\S]*weekly-check .*--prune deletes it/m,
    text,
  );
  await says(
    "apply -f -",
    /^~ nightly {2}1 machine\n {4}cron: .*0 2 .* -> .*0 3 /m,
    text.replace("0 2 * * *", "0 3 * * *"),
  );
  await says("apply -f - --prune --yes", /^- weekly-check$/m, text);
  await refuses("apply -f -", 2, /standard input:\d+:\d+: .*cron/, text.replace("0 2 * * *", "0 0 31 2 *"));
  await refuses("apply -f -", 2, /every machine.*\nhint: .*--all-machines/, text.replace("env=prod", "all"));
  await says("apply -f - --all-machines", /^~ nightly {2}[23] machines$/m, text.replace("env=prod", "all"));
});

test("what cannot be meant is refused before anything is touched, and what is odd is said", async () => {
  const before = await says("schedules --json", /^/);
  const one = (change: string) => `- { name: odd, verb: backup, job: home, ${change} }\n`;
  const daily = 'cron: "0 2 * * *"';
  await refuses(
    "apply -f -",
    2,
    /^error: standard input:1:\d+: .*timezone: .*\n/,
    one(`selector: env=prod, ${daily}, timezone: Europe/Berlix`),
  );
  await refuses(
    "apply -f -",
    2,
    /^error: standard input:1:\d+: .*cron: /,
    one('selector: env=prod, cron: "0 0 31 2 *"'),
  );
  // both at once
  await refuses(
    "apply -f -",
    2,
    /timezone: .*\n.*cron: |cron: .*\n.*timezone: /,
    one('selector: env=prod, cron: "0 0 31 2 *", timezone: X/Y'),
  );
  await refuses("apply -f -", 2, /every machine.*\nhint: .*--all-machines/, one(`selector: all, ${daily}`));
  assert.equal(await says("schedules --json", /^/), before);
  const nothing = await fleet("apply -f - --dry-run", one(`selector: env=nowhere, ${daily}`));
  assert.equal(nothing.exitCode, 0, nothing.stderr);
  assert.match(nothing.stdout + nothing.stderr, /odd: no machine fits/);
  await refuses("run env=nowhere backup home", 10, /^error: no machine fits .*env=nowhere.*\nhint: /);
  await refuses("run all backup home --detach", 2, /every machine.*\nhint: .*--all-machines/);
  assert.equal(await says("schedules --json", /^/), before);
});

test("a clock that goes wrong is shown, and what its machine says counts all the same", async () => {
  await store.database
    .updateTable("machines")
    .set({ clock_skew_ms: 7 * 60_000 })
    .where("name", "=", "web1-name")
    .execute();
  await says("machines", /^web1-name .*its clock is 7 min ahead/m);
  await store.database.updateTable("machines").set({ clock_skew_ms: 0 }).where("name", "=", "web1-name").execute();
});

test("runs: asked for, watched to their end, cancelled", async () => {
  await says("run env=prod backup home --dry-run", /^web1-name +backup home\n1 machine, not asked$/m);
  await refuses("run all backup home", 2, /every machine.*\nhint: .*--all-machines/);
  await refuses("run env=nowhere backup home", 10, /no machine fits/);
  await refuses("run env=prod backup srv", 10, /not asked: web1-name: it has no job srv/);
  const asked = await says("run env=prod backup home --detach", /^1 machine asked: (\S+)$/m);
  const batch = /asked: (\S+)/.exec(asked)?.[1] ?? "";
  await says(`dispatches ${batch}`, /web1-name +backup home +queued/);
  await says(`cancel ${batch}`, /^web1-name: backup home is not begun any more$/m);
  const followed = await fleet(`dispatches ${batch} --follow`);
  assert.equal(followed.exitCode, 130);
  assert.match(followed.stdout, /^web1-name +cancelled/m);
  await refuses("dispatches b-none --follow", 10, /nothing was asked for as/);
  await refuses("dispatches b-none", 10, /nothing was asked for as/);

  await scene.run("web1", "aa01", { state: RunState.DONE, finishedAt: new Date("2026-11-28T02:01:00Z") });
  await says("runs", /^web1-name\/aa01 +backup +home +done/m);
  await says("log web1-name/aa01", /^$/);
  await refuses("log web1-name/zz", 10, /^error: .*\nhint: /);
  await refuses("cancel web1-name/aa01", 2, /has ended already/);
  await refuses("snapshots web1-name home", 13, /^error: /);
});

test("tokens, operators and what each may do, on record", async () => {
  const made = await says(
    "token create --labels env=prod --names web-*",
    /^luksmith enroll c1\.example:7443 --token lsm_\S+ --ca sha256:[0-9a-f]{64}$/m,
  );
  const id = /lsm_([^_]+)_/.exec(made)?.[1] ?? "";
  await says("token list", new RegExp(`^${id} +valid +env=prod +web-\\*`, "m"));
  await says(`token revoke ${id}`, /good for nothing/);
  await says("operator create viv --role viewer --scope env=prod --out viv.yaml", /^viv is a viewer of env=prod/);
  // the addresses that the controller tells are not where this test's one listens
  const file = join(directory, "viv.yaml");
  const text = (await readFile(file, "utf8")).replace("c1.example:7443", scene.fleet.address);
  const { writeFile } = await import("node:fs/promises");
  await writeFile(file, text);
  await says("status --fleet viv.yaml", /^you are +viv, viewer for env=prod/m);
  await refuses("run env=prod backup home --fleet viv.yaml", 1, /^error: /);
  const seen = jsonLines((await fleet("machines --json --fleet viv.yaml")).stdout);
  assert.deepEqual(
    seen.map(({ name }) => name),
    ["web1-name"],
  );
  await refuses("operator revoke viv", 2, /luksmith fleet operator revoke viv --yes/);
  await says("operator revoke viv --yes", /^viv is revoked/);
  await refuses("status --fleet viv.yaml", 13, /does not take your credential/);
  await says("operators", /^viv +viewer +env=prod +revoked/m);
  await says("audit --limit 1000", /refused {2}viv +dispatch +backup home on env=prod/);
  await says("alerts", /^no alert$/m);
  await says("alerts test mail", /^mail +delivered$/m);
  await says("top", /2 machines, 0 connected/);
});

test("completion offers machines, jobs and schedules", async () => {
  const offered = async (...words: string[]) =>
    (await runCli(["complete", "--", ...words], { env })).stdout
      .split("\n")
      .filter((line) => line !== "" && !line.startsWith(":"))
      .map((line) => line.split("\t")[0]);
  assert.ok((await offered("fleet", "ls", "")).includes("web1-name"));
  assert.deepEqual(await offered("fleet", "log", "web"), ["web1-name/last"]);
  assert.deepEqual(await offered("fleet", "ls", "web1-name", "h"), ["home"]);
  assert.deepEqual(await offered("fleet", "schedules", "ni"), ["nightly"]);
  // without a credential there is nothing to offer, and nothing is said
  const silent = await runCli(["complete", "--", "fleet", "ls", ""], { env: { HOME: "/nonexistent" } });
  assert.deepEqual([silent.exitCode, silent.stderr], [0, ""]);
});

test("the authority changes, and who changes it goes along", async () => {
  await says("ca", /not being changed/);
  await says("ca rotate start", /^step 1 of 3/);
  // no machine of this fleet has a certificate, and no other operator
  await says("ca rotate next", /^step 2 of 3/);
  await says("ca rotate back", /^step 1 of 3/);
  await says("ca rotate next", /^step 2 of 3/);
  await says("ca rotate next", /^step 3 of 3/);
  await says("ca rotate next --yes", /not being changed/);
  await says("status", /^you are +admin/m);
});
