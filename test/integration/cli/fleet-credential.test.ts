import assert from "node:assert/strict";
import { chmod, readdir, readFile, stat, symlink, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { isRenewalDue } from "../../../cli/fleet/renewal.ts";
import { systemClock } from "../../../common/clock.ts";
import { parseYaml } from "../../../common/config/yaml-document.ts";
import { LuksmithError } from "../../../common/errors.ts";
import { makeKeyAndRequest } from "../../../common/fleet/certificate-request.ts";
import { operatorFileSchema, operatorFileText } from "../../../common/fleet/operator-file.ts";
import { Authorities } from "../../../controller/authority/authorities.ts";
import { sampleFleet } from "../../unit/cli/fleet-samples.ts";
import { FleetScene, testSecret } from "../controller/harness/fleet-scene.ts";
import { jsonLines, runCli } from "./cli-process.ts";
import { type ScriptedController, scriptedController, writeCredential } from "./scripted-controller.ts";

const dayMs = 86_400_000;

function status(controller: ScriptedController, file: string) {
  return runCli(["fleet", "status", "--fleet", file], { env: controller.env });
}

test("where the credential is found, and whose may be used", async () => {
  await using controller = await scriptedController({ getFleet: () => sampleFleet() });
  const { directory, credential, file } = controller;
  const home = { HOME: directory };
  const none = await runCli(["fleet", "status", "--json"], { env: home });
  assert.equal(none.exitCode, 2);
  assert.match(
    none.stderr,
    /^error: there is no credential of an operator at .*\/\.config\/luksmith\/fleet\.yaml\nhint: .*--fleet FILE/,
  );
  assert.equal(jsonLines(none.stdout).at(-1)?.code, "config");

  // the option wins over the environment
  const asked = await runCli(["fleet", "status", "--fleet", file], {
    env: { ...home, LUKSMITH_FLEET: "/nonexistent" },
  });
  assert.equal(asked.exitCode, 0, asked.stderr);

  const open = await writeCredential(directory, "open.yaml", credential);
  await chmod(open, 0o640);
  const refused = await status(controller, open);
  assert.equal(refused.exitCode, 2);
  assert.match(refused.stderr, /others could read .*open\.yaml \(mode 0640\)[\s\S]*hint: chmod 600 .*open\.yaml/);

  const cut = join(directory, "cut.yaml");
  await writeFile(cut, (await readFile(file, "utf8")).slice(0, -60), { mode: 0o600 });
  const damaged = await status(controller, cut);
  assert.equal(damaged.exitCode, 2);
  assert.match(damaged.stderr, /is not the credential of an operator, or is damaged\nhint: .*operator create/);
  assert.ok(!damaged.stderr.includes(credential.key.slice(40, 80)), "the key is nobody's to read");

  const wrongKey = await FleetScene.start(() => []);
  await using _other = wrongKey;
  const { key } = await wrongKey.operator("bob");
  const mixed = await status(controller, await writeCredential(directory, "mixed.yaml", { ...credential, key }));
  assert.equal(mixed.exitCode, 2);
  assert.match(mixed.stderr, /cannot be used\nhint: /);
});

test("of several addresses the first that answers", async () => {
  await using controller = await scriptedController({ getFleet: () => sampleFleet() });
  const { directory, credential, scene } = controller;
  const dead = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => dead.once("listening", resolve));
  const address = dead.address();
  const port = typeof address === "object" ? address?.port : 0;
  await new Promise((resolve) => dead.close(resolve));
  const addresses = [`127.0.0.1:${port}`, scene.address];
  const file = await writeCredential(directory, "two.yaml", { ...credential, addresses });
  assert.equal((await status(controller, file)).exitCode, 0);

  const gone = await writeCredential(directory, "gone.yaml", { ...credential, addresses: [`127.0.0.1:${port}`] });
  const none = await status(controller, gone);
  assert.equal(none.exitCode, 13);
  assert.match(
    none.stderr,
    /^error: the controller does not answer: 127\.0\.0\.1:\d+: nothing listens there\nhint: .*luksmith-controller/,
  );
});

test("another fleet's controller is told apart from one that is away", async () => {
  await using controller = await scriptedController({});
  await using other = await FleetScene.start(() => []);
  const addresses = [other.address];
  const file = await writeCredential(controller.directory, "other.yaml", { ...controller.credential, addresses });
  const { exitCode, stderr } = await status(controller, file);
  assert.equal(exitCode, 13);
  assert.match(stderr, /^error: this is no controller that your credential believes: 127\.0\.0\.1:\d+: /);
  assert.match(stderr, /hint: .*fleet operator create/);
});

test("a credential that counts no more: revoked, expired, a machine's, one without an operator", async () => {
  await using controller = await scriptedController({ getFleet: () => sampleFleet() });
  const { scene, directory, credential } = controller;
  const machine = await scene.machine("m1");
  const asMachine = await writeCredential(directory, "machine.yaml", { ...credential, ...pair(machine) });
  const notOne = await status(controller, asMachine);
  assert.equal(notOne.exitCode, 1);
  assert.match(notOne.stderr, /^error: /);

  const unknown = await scene.credential("operator", "mallory");
  const nobody = await status(
    controller,
    await writeCredential(directory, "no.yaml", { ...credential, ...pair(unknown) }),
  );
  assert.equal(nobody.exitCode, 13);
  assert.match(
    nobody.stderr,
    /^error: the controller does not take your credential: .*nobody of this name\nhint: an admin of the fleet/,
  );

  await scene.store.database.updateTable("operators").set({ revoked_ms: 1 }).where("name", "=", "alice").execute();
  await scene.store.database.updateTable("certificates").set({ revoked_ms: 1 }).execute();
  const revoked = await status(controller, controller.file);
  assert.equal(revoked.exitCode, 13);
  assert.match(revoked.stderr, /^error: the controller does not take your credential: .*\nhint: an admin of the fleet/);
  assert.doesNotMatch(revoked.stderr, /luksmith enroll/);
});

function pair({ certificate, key }: { certificate: string; key: string }) {
  return { certificate, key };
}

test("a certificate renews itself at two thirds of its life, whatever came of the command", async () => {
  let failsWith: LuksmithError | undefined;
  let renewals = 0;
  await using controller: ScriptedController = await scriptedController({
    getFleet: () => {
      if (failsWith !== undefined) throw failsWith;
      return sampleFleet();
    },
    renewOperator: async ({ certificateRequest }) => {
      renewals += 1;
      if (renewals === 3) throw new LuksmithError("internal", "the database is away");
      const { scene, credential } = controller;
      const fresh = await scene.authorities.issueClient({ kind: "operator", name: "alice" }, certificateRequest);
      await scene.authorities.record(scene.store.database, fresh);
      const addresses = [scene.address, "second.example.net:7443"];
      return { credentials: { certificate: fresh.certificate, authorities: credential.authorities, addresses } };
    },
  });
  const { file, directory, env } = controller;
  const read = async () => operatorFileSchema.parse(parseYaml(await readFile(file, "utf8")).value);
  assert.equal((await runCli(["fleet", "status"], { env })).exitCode, 0);
  assert.equal(renewals, 0);

  await putAged(controller, 2.5);
  const old = await read();
  assert.equal((await runCli(["fleet", "status"], { env })).exitCode, 0);
  const renewed = await read();
  assert.equal(renewals, 1);
  assert.notEqual(renewed.key, old.key);
  assert.notEqual(renewed.certificate, old.certificate);
  assert.deepEqual(renewed.addresses, [controller.scene.address, "second.example.net:7443"]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);

  // a command that fails renews as well, and a link stays one
  const linked = join(directory, "link.yaml");
  await symlink(file, linked);
  await putAged(controller, 2.5);
  failsWith = new LuksmithError("denied", "not for you");
  assert.equal((await runCli(["fleet", "status", "--fleet", linked], { env })).exitCode, 1);
  assert.equal(renewals, 2);
  assert.equal((await read()).addresses.length, 2);
  failsWith = undefined;

  // what fails is said when there is not much time left
  await putAged(controller, 2.9);
  const said = await runCli(["fleet", "status"], { env });
  assert.equal(said.exitCode, 0);
  assert.match(said.stdout, /^controller/);
  assert.match(
    said.stderr,
    /your credential .*fleet\.yaml expires in 2 h.*, and could not be renewed: the database is away/,
  );
  assert.deepEqual((await readdir(directory)).sort(), ["fleet.yaml", "link.yaml"]);
});

test("when a certificate is due", async () => {
  await using controller = await scriptedController({});
  const { credential, file } = controller;
  const seen = { ...credential, path: file, isOurs: true };
  const inDays = (days: number) => new Date(Date.now() + days * dayMs);
  assert.deepEqual([isRenewalDue(seen, inDays(0.9)), isRenewalDue(seen, inDays(1.1))], [false, true]);
});

/** Puts a credential of three days in place, so many of which are over. */
async function putAged({ scene, credential, file }: ScriptedController, days: number): Promise<void> {
  const clock = { ...systemClock, now: () => new Date(Date.now() - days * dayMs) };
  const authorities = new Authorities(scene.store, testSecret, clock, {
    machine: 3 * dayMs,
    operator: 3 * dayMs,
    controller: 3 * dayMs,
  });
  const { key, request } = await makeKeyAndRequest();
  const fresh = await authorities.issueClient({ kind: "operator", name: "alice" }, request);
  await authorities.record(scene.store.database, fresh);
  await writeFile(file, operatorFileText({ ...credential, certificate: fresh.certificate, key }));
}
