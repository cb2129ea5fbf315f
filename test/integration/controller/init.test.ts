import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, it } from "node:test";
import { fileURLToPath } from "node:url";
import { systemClock } from "../../../common/clock.ts";
import { parseYaml } from "../../../common/config/yaml-document.ts";
import { fromServiceError } from "../../../common/error-wire.ts";
import { fleetChannelOptions, fleetCredentials } from "../../../common/fleet/channel.ts";
import { operatorFileSchema } from "../../../common/fleet/operator-file.ts";
import { readIfThere } from "../../../common/if-there.ts";
import { waitUntil } from "../../../common/wait-until.ts";
import { readSecret } from "../../../controller/authority/secret-file.ts";
import { firstAddresses } from "../../../controller/store/first-settings.ts";
import { Store } from "../../../controller/store/store.ts";
import { FleetServiceClient } from "../../../proto/gen/luksmith/v1/fleet.ts";
import { EnrollingFleet } from "./harness/enrolling-fleet.ts";
import { silent } from "./harness/fleet-scene.ts";

const mainFile = fileURLToPath(new URL("../../../controller/main.ts", import.meta.url));
const address = "fleet.example.net:7443";

describe("the beginning of a fleet", () => {
  let directory = "";
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "luksmith-init-"));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const stateDir = () => join(directory, "state");
  const credentialFile = () => join(stateDir(), "admin.yaml");
  const start = (...args: string[]) => {
    const child = spawn(process.execPath, [mainFile, "init", ...args], { stdio: "pipe" });
    let stdout = "";
    let stderr = "";
    child.stdout.on("data", (text) => {
      stdout += text;
    });
    child.stderr.on("data", (text) => {
      stderr += text;
    });
    const ended = once(child, "close").then(([exitCode]) => ({ exitCode, stdout, stderr }));
    return { child, ended };
  };
  const init = (...args: string[]) => start("--address", address, "--state-dir", stateDir(), ...args).ended;
  const openStore = () => Store.open(join(stateDir(), "controller.db"), systemClock, silent);
  const credential = async () => operatorFileSchema.parse(parseYaml(await readFile(credentialFile(), "utf8")).value);

  /** The operator's credential is one, and machines enrol in the fleet. */
  async function works(): Promise<void> {
    const store = await openStore();
    const { addresses, authorities, certificate, key } = await credential();
    assert.deepEqual(addresses, [address]);
    assert.deepEqual(await firstAddresses(store.database), [address]);
    await using fleet = await EnrollingFleet.start({ begun: { store, secret: await readSecret(stateDir()) } });
    const tls = fleetCredentials({ authorities, own: { certificate, key } });
    const client = new FleetServiceClient(fleet.scene.address, tls, fleetChannelOptions);
    const refused = new Promise<unknown>((resolve) => {
      client.renewCertificate({ certificateRequest: Buffer.alloc(0) }, (error) => resolve(error));
    });
    // who is known as an operator is told that this is for machines
    assert.match(
      fromServiceError((await refused) as never)?.message ?? "",
      /machines, and the certificate is one of operators/,
    );
    client.close();
    const identity = fleet.identity();
    await fleet.enrol(identity, (await fleet.token({ name: "web1" })).text);
    await fleet.renew(identity);
  }

  it("makes all that there has to be, for its owner alone, and says what comes next", async () => {
    const { exitCode, stdout, stderr } = await init();
    assert.equal(exitCode, 0, stderr);
    for (const name of ["controller.secret", "controller.db", "admin.yaml"]) {
      assert.equal((await stat(join(stateDir(), name))).mode & 0o777, 0o600, name);
    }
    assert.match(
      stdout,
      /Next:\n {2}luksmith-controller serve --state-dir .*\n {2}luksmith fleet --fleet \S+ token create/,
    );
    assert.match(stdout, /authority {3}sha256:[0-9a-f]{64}\n/);
    const { key } = await credential();
    // nowhere else
    const secret = key.split("\n")[1] ?? "?";
    const database = await readFile(join(stateDir(), "controller.db"));
    assert.equal(database.includes(secret) || stdout.includes(secret), false);
    await works();
  });

  it("is not done again", async () => {
    await init();
    const before = await readFile(credentialFile(), "utf8");
    const again = await init();
    assert.equal(again.exitCode, 1);
    assert.match(again.stderr, /has begun already\nhint: luksmith-controller serve/);
    // as an admin does who takes the credential away
    await rename(credentialFile(), join(directory, "elsewhere.yaml"));
    assert.equal((await init()).exitCode, 1);
    assert.equal(await readIfThere(credentialFile()), undefined);
    assert.equal(await readFile(join(directory, "elsewhere.yaml"), "utf8"), before);
  });

  it("leaves what is somebody else's", async () => {
    await init();
    await rm(join(stateDir(), "controller.db"));
    const before = await readFile(credentialFile(), "utf8");
    const other = await init();
    assert.equal(other.exitCode, 1);
    assert.match(other.stderr, /admin\.yaml is there already\nhint: .*--credential/);
    assert.equal(await readFile(credentialFile(), "utf8"), before);
  });

  it("is finished by the next one, wherever it was killed", async () => {
    // until the file is there, or the program gets no further
    for (const file of ["controller.db", "controller.secret", "admin.yaml.new", "admin.yaml"]) {
      const killed = start("--address", address, "--state-dir", stateDir());
      await waitUntil(systemClock, 20_000, async () => {
        const isThere = (await readIfThere(join(stateDir(), file))) !== undefined;
        return isThere || killed.child.exitCode !== null;
      });
      killed.child.kill("SIGKILL");
      await killed.ended;
    }
    const last = await init();
    // the last of them may have come to its end
    assert.ok(last.exitCode === 0 || /has begun already/.test(last.stderr), last.stderr);
    await works();
    const store = await openStore();
    const { length } = await store.database.selectFrom("authorities").selectAll().execute();
    const operators = await store.database.selectFrom("operators").selectAll().execute();
    await store.close();
    assert.deepEqual([length, operators.length], [1, 1]);
  });

  it("is finished with another operator's credential, and the first one's counts no more", async () => {
    await init();
    const store = await openStore();
    await store.database.deleteFrom("settings").where("name", "=", "init.done").execute();
    await store.close();
    const before = await readFile(credentialFile(), "utf8");
    const { exitCode, stderr } = await init();
    assert.equal(exitCode, 0, stderr);
    assert.notEqual(await readFile(credentialFile(), "utf8"), before);
    const after = await openStore();
    const rows = await after.database.selectFrom("certificates").selectAll().orderBy("issued_ms").execute();
    await after.close();
    assert.deepEqual(
      rows.map(({ kind, revoked_ms }) => [kind, revoked_ms === null]),
      [
        ["operator", false],
        ["operator", true],
      ],
    );
    await works();
  });

  it("makes no second secret beside an authority that needs the first", async () => {
    await init();
    const store = await openStore();
    await store.database.deleteFrom("settings").where("name", "=", "init.done").execute();
    await store.close();
    const path = join(stateDir(), "controller.secret");
    await rename(path, `${path}.away`);
    const missing = await init();
    assert.equal(missing.exitCode, 2);
    assert.match(missing.stderr, /controller\.secret is not there\nhint: put the secret back/);
    await writeFile(path, `${"ab".repeat(32)}\n`, { mode: 0o600 });
    const wrong = await init();
    assert.equal(wrong.exitCode, 12);
    await rename(`${path}.away`, path);
    assert.equal((await init()).exitCode, 0);
  });

  for (const [what, args, words] of [
    ["no address", [], /where machines reach/],
    ["what is no address", ["--address", "fleet"], /no address\nhint: HOST:PORT/],
    ["what is no operator", ["--address", address, "--operator", "Alice B"], /not the name of an operator/],
    ["a password", ["--address", address, "--database", "postgres://a:hunter2@db/l"], /password/],
  ] as const) {
    it(`refuses ${what} before anything is made`, async () => {
      const { exitCode, stderr } = await start("--state-dir", stateDir(), ...args).ended;
      assert.equal(exitCode, 2, stderr);
      assert.match(stderr, words);
      assert.doesNotMatch(stderr, /hunter2/);
      await assert.rejects(stat(stateDir()), { code: "ENOENT" });
    });
  }
});
