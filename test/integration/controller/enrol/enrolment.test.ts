import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { afterEach, describe, it } from "node:test";
import { enrol } from "../../../../agent/fleet/enrol.ts";
import { IdentityFile } from "../../../../agent/fleet/identity-file.ts";
import { systemClock } from "../../../../common/clock.ts";
import { fromServiceError } from "../../../../common/error-wire.ts";
import type { LuksmithError } from "../../../../common/errors.ts";
import { fingerprintOf, readCertificate } from "../../../../common/fleet/certificate.ts";
import { showPin } from "../../../../common/fleet/pin.ts";
import { waitUntil } from "../../../../common/wait-until.ts";
import { makeAuthority } from "../../../../controller/authority/issue.ts";
import { createToken } from "../../../../controller/enrol/create-token.ts";
import { revokeCertificates } from "../../../../controller/store/certificates.ts";
import { revokeToken } from "../../../../controller/store/tokens.ts";
import { ManualClock } from "../../runs/manual-clock.ts";
import { eachStore } from "../harness/each-store.ts";
import { EnrollingFleet } from "../harness/enrolling-fleet.ts";

const idOf = async (identity: IdentityFile) => (await identity.read())?.machineId ?? "";

const minuteMs = 60_000;

describe("enrolment", () => {
  let fleet: EnrollingFleet;
  afterEach(() => fleet[Symbol.asyncDispose]());

  const machines = () => fleet.scene.store.database.selectFrom("machines").selectAll().orderBy("enrolled_ms").execute();

  it("makes a machine of the fleet of one that has a token, and the key stays there", async () => {
    fleet = await EnrollingFleet.start();
    let changes = 0;
    const identity = fleet.identity(() => {
      changes += 1;
    });
    const { id, text } = await fleet.token({ name: "web1" });
    const { machineId, name, address } = await fleet.enrol(identity, text);
    assert.deepEqual([name, address, changes], ["web1", fleet.scene.address, 1]);
    const [machine, ...others] = await machines();
    assert.equal(others.length, 0);
    assert.deepEqual(
      [machine?.id, machine?.name, machine?.state, machine?.labels, machine?.hostname, machine?.token_id],
      [machineId, "web1", "active", '{"env":"prod"}', hostname(), id],
    );
    const own = await identity.read();
    assert.ok(own);
    assert.deepEqual(readCertificate(new X509Certificate(own.certificate)).identity, {
      kind: "machine",
      name: machineId,
    });
    assert.deepEqual(own.addresses, [fleet.scene.address]);
    assert.equal((await stat(identity.path)).mode & 0o777, 0o600);
    assert.equal((await stat(dirname(identity.path))).mode & 0o777, 0o700);
    const stored = await fleet.scene.store.database.selectFrom("tokens").selectAll().executeTakeFirstOrThrow();
    assert.equal(JSON.stringify(stored).includes(text.split("_")[2] ?? "?"), false);
    assert.equal(stored.hash.length, 32);
    assert.deepEqual(
      fleet.facts.map(({ target, allowed }) => [target, allowed]),
      [[machineId, true]],
    );
  });

  it("answers the same to every token that is none, and writes down which it was", async () => {
    fleet = await EnrollingFleet.start();
    const spent = await fleet.token();
    await fleet.enrol(fleet.identity(), spent.text);
    const expired = await fleet.token({}, new ManualClock(new Date(Date.now() - 60 * minuteMs)));
    const revoked = await fleet.token();
    await revokeToken(fleet.scene.store.database, revoked.id, Date.now());
    const good = await fleet.token();
    const forged = good.text.replace(/.$/, (last) => (last === "0" ? "1" : "0"));
    const answers = new Set<string>();
    const tokens = [spent.text, expired.text, revoked.text, forged, `lsm_${"0".repeat(12)}_${"0".repeat(48)}`, "x"];
    for (const token of tokens) {
      await assert.rejects(fleet.enrol(fleet.identity(), token), (error: LuksmithError) => {
        answers.add(`${error.code} ${error.message} ${error.hint}`);
        return true;
      });
    }
    assert.equal(answers.size, 1);
    assert.match([...answers].join(), /^refused .*mistyped, expired, used up or revoked.*token list/);
    assert.deepEqual(
      fleet.facts.filter(({ allowed }) => !allowed).map(({ detail }) => detail.replace(/, from .*/, "")),
      ["token used up", "token expired", "token revoked", "token forged", "token unknown", "token malformed"],
    );
    assert.equal(JSON.stringify(fleet.facts).includes(good.text.slice(17)), false);
    assert.equal((await machines()).length, 1);
    await fleet.enrol(fleet.identity(), good.text);
  });

  it("gives a name by a pattern to the host that fits it, and has the others wait for an operator", async () => {
    fleet = await EnrollingFleet.start();
    const own = hostname().toLowerCase();
    const fitting = await fleet.token({ namePattern: `${own.slice(0, 1)}*`, uses: 2 });
    assert.equal((await fleet.enrol(fleet.identity(), fitting.text)).name, own);
    // another one that says it is called so
    assert.equal((await fleet.enrol(fleet.identity(), fitting.text)).name, "");
    const other = await fleet.token({ namePattern: "no-such-*" });
    assert.equal((await fleet.enrol(fleet.identity(), other.text)).name, "");
    const without = await fleet.token();
    assert.equal((await fleet.enrol(fleet.identity(), without.text)).name, "");
    const rows = await machines();
    assert.deepEqual(
      rows.map(({ state, name }) => [state, name]).toSorted(),
      [["active", own], ...Array.from({ length: 3 }, () => ["pending", null])].toSorted(),
    );
    assert.match(rows.map(({ notice }) => notice).join(""), /which is the name of another machine/);
  });

  it("believes the authority that was pinned and no other, and tells another one nothing", async () => {
    fleet = await EnrollingFleet.start();
    const { text } = await fleet.token();
    const other = new X509Certificate((await makeAuthority(new Date())).certificate);
    const identity = fleet.identity();
    await assert.rejects(fleet.enrol(identity, text, { pins: [showPin(fingerprintOf(other))] }), {
      code: "refused",
      message: /does not have the authority/,
    });
    assert.equal(await identity.read(), undefined);
    assert.equal(fleet.facts.length, 0);
    await fleet.enrol(identity, text, { pins: [showPin(fingerprintOf(other)), ...(await fleet.pins())] });
  });

  it("tries one address after the other", async () => {
    fleet = await EnrollingFleet.start();
    const { text } = await fleet.token();
    const closed = createServer().listen(0, "127.0.0.1");
    await once(closed, "listening");
    const address = closed.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    closed.close();
    await once(closed, "close");
    const dead = `127.0.0.1:${port}`;
    await assert.rejects(fleet.enrol(fleet.identity(), text, { addresses: [dead] }), { code: "unreachable" });
    const enrolled = await fleet.enrol(fleet.identity(), text, { addresses: [dead, fleet.scene.address] });
    assert.equal(enrolled.address, fleet.scene.address);
  });

  it("is not done twice, unless that is asked for", async () => {
    fleet = await EnrollingFleet.start();
    const identity = fleet.identity();
    const { machineId } = await fleet.enrol(identity, (await fleet.token()).text);
    const { text } = await fleet.token();
    await assert.rejects(fleet.enrol(identity, text), { code: "exists", hint: /--replace/ });
    assert.equal((await identity.read())?.machineId, machineId);
    const again = await fleet.enrol(identity, text, { replace: true });
    assert.notEqual(again.machineId, machineId);
    assert.equal((await identity.read())?.machineId, again.machineId);
    // what is damaged is no reason to be without a fleet
    await writeFile(identity.path, "{");
    await assert.rejects(identity.read(), { code: "config", hint: /--replace/ });
    await assert.rejects(fleet.enrol(identity, text), { code: "config" });
    const last = await fleet.enrol(identity, (await fleet.token()).text, { replace: true });
    assert.equal(await identity.forget(), last.machineId);
    assert.equal(await identity.forget(), undefined);
    assert.deepEqual(await readdir(dirname(identity.path)), []);
  });

  it("refuses what is no address, pin or request before anything is touched", async () => {
    fleet = await EnrollingFleet.start();
    const { text } = await fleet.token();
    const identity = fleet.identity();
    for (const order of [
      { addresses: [] },
      { addresses: ["fleet.example.net"] },
      { addresses: ["http://fleet.example.net:7443"] },
      { addresses: Array.from({ length: 9 }, () => fleet.scene.address) },
      { pins: [] },
      { pins: ["sha256:abc"] },
    ]) {
      await assert.rejects(fleet.enrol(identity, text, order), { code: "usage" }, JSON.stringify(order));
    }
    assert.equal(fleet.facts.length, 0);
  });

  it("is limited for an address that brings one bad token after another", async () => {
    const clock = new ManualClock(new Date());
    fleet = await EnrollingFleet.start({ clock });
    const { text } = await fleet.token({ uses: 2 }, clock);
    const codes: string[] = [];
    for (let count = 0; count < 25; count += 1) {
      await fleet.enrol(fleet.identity(), "x").catch(({ code }: LuksmithError) => codes.push(code));
    }
    assert.deepEqual([...new Set(codes)], ["refused", "locked"]);
    assert.equal(codes.filter((code) => code === "refused").length, 20);
    assert.equal(fleet.facts.length, 20);
    await assert.rejects(fleet.enrol(fleet.identity(), text), { code: "locked" });
    clock.advance(minuteMs);
    await fleet.enrol(fleet.identity(), text);
  });

  it("stops when whoever asked is gone", async () => {
    fleet = await EnrollingFleet.start();
    const silentOnes = createServer().listen(0, "127.0.0.1");
    await once(silentOnes, "listening");
    const address = silentOnes.address();
    const port = typeof address === "object" && address !== null ? address.port : 0;
    const gone = new AbortController();
    const accepted = once(silentOnes, "connection");
    const order = { addresses: [`127.0.0.1:${port}`], token: "x", pins: await fleet.pins(), replace: false };
    const enrolling = enrol(fleet.identity(), order, gone.signal);
    enrolling.catch(() => undefined);
    const [socket] = await accepted;
    gone.abort(new Error("gone"));
    await assert.rejects(enrolling, /gone/);
    socket.destroy();
    silentOnes.close();
  });

  describe("and a new certificate", () => {
    it("takes the place of the old one, with another key", async () => {
      fleet = await EnrollingFleet.start();
      const identity = fleet.identity();
      await fleet.enrol(identity, (await fleet.token()).text);
      const before = await identity.read();
      await fleet.renew(identity);
      const after = await identity.read();
      assert.equal(after?.machineId, before?.machineId);
      assert.notEqual(after?.key, before?.key);
      assert.notEqual(after?.certificate, before?.certificate);
      await fleet.renew(identity);
    });

    it("that is not brought in leaves the old one as it was, at whichever moment", async () => {
      fleet = await EnrollingFleet.start();
      const identity = fleet.identity();
      await fleet.enrol(identity, (await fleet.token()).text);
      const at = fleet.scene.address;
      const before = await readFile(identity.path, "utf8");
      await assert.rejects(
        identity.renew(async () => {
          throw new Error("the cable was pulled");
        }, at),
        /cable/,
      );
      await assert.rejects(
        identity.renew(async () => undefined, at),
        { code: "refused" },
      );
      // what another machine was issued
      const other = fleet.identity();
      await fleet.enrol(other, (await fleet.token()).text);
      const theirs = await other.read();
      assert.ok(theirs);
      const { certificate, authorities } = theirs;
      await assert.rejects(
        identity.renew(async () => ({ certificate, authorities, addresses: [] }), at),
        { code: "refused", message: /another's/ },
      );
      // its own, of the key before
      const own = await identity.read();
      assert.ok(own);
      await assert.rejects(
        identity.renew(async () => ({ ...own, addresses: [] }), at),
        { code: "refused", message: /another key/ },
      );
      assert.equal(await readFile(identity.path, "utf8"), before);
      // as a power cut in the middle of writing leaves it
      await writeFile(`${identity.path}.new`, before.slice(0, 100));
      await fleet.renew(identity);
      await fleet.renew(identity);
      // and where nothing can be written, the old pair goes on
      const working = await readFile(identity.path, "utf8");
      await mkdir(`${identity.path}.new`);
      await assert.rejects(fleet.renew(identity));
      assert.equal(await readFile(identity.path, "utf8"), working);
      await rm(`${identity.path}.new`, { recursive: true });
      await fleet.renew(identity);
    });

    it("is for a machine that is of the fleet, and not again and again", async () => {
      fleet = await EnrollingFleet.start();
      const identity = fleet.identity();
      const { machineId } = await fleet.enrol(identity, (await fleet.token()).text);
      for (let count = 0; count < 5; count += 1) await fleet.renew(identity);
      await assert.rejects(fleet.renew(identity), (error) => fromServiceError(error as never)?.code === "locked");
      const other = fleet.identity();
      await fleet.enrol(other, (await fleet.token()).text);
      await fleet.scene.store.database.updateTable("machines").set({ state: "revoked" }).execute();
      await assert.rejects(fleet.renew(other), (error) => fromServiceError(error as never)?.code === "refused");
      assert.ok(machineId);
    });
  });

  it("ends at once when the machine is revoked, with all its certificates", async () => {
    fleet = await EnrollingFleet.start();
    const identity = fleet.identity();
    const { machineId } = await fleet.enrol(identity, (await fleet.token()).text);
    await fleet.renew(identity);
    const client = await fleet.client(identity);
    const stream = client.connect();
    const ended = once(stream, "error");
    await once(stream, "data");
    const { store } = fleet.scene;
    await store.transaction(async (database) => {
      await database.updateTable("machines").set({ state: "revoked" }).where("id", "=", machineId).execute();
      await revokeCertificates(database, { kind: "machine", name: machineId }, Date.now());
    });
    store.notices.tell("certificate", machineId);
    await ended;
    client.close();
    await assert.rejects(fleet.renew(identity), (error) => {
      const told = fromServiceError(error as never);
      return told?.code === "refused" && /revoked/.test(told.message);
    });
    assert.deepEqual(fleet.scene.turnedAway.at(-1)?.claimed, { kind: "machine", name: machineId });
  });

  it("goes on through the change of the authority, and back", async () => {
    fleet = await EnrollingFleet.start();
    const { scene } = fleet;
    const { authorities } = scene;
    const identity = fleet.identity();
    await fleet.enrol(identity, (await fleet.token()).text);
    const sees = () => fleet.renew(identity);
    const step = async (which: "start" | "next" | "back") => {
      const phase = await authorities.rotate(which, async () => [], true);
      // the port has it as well
      const shown = async () => {
        const { issuesServers } = await authorities.state();
        const rows = await scene.store.database
          .selectFrom("certificates")
          .selectAll()
          .where("kind", "=", "controller")
          .orderBy("issued_ms", "desc")
          .execute();
        return rows[0]?.issuer === issuesServers.fingerprint;
      };
      assert.ok(await waitUntil(systemClock, 10_000, shown));
      return phase;
    };
    const first = await fleet.pins();
    assert.equal(await step("start"), "trust");
    await identity.keepTrust({ authorities: await scene.trusted() }, await idOf(identity));
    await sees();
    assert.equal(await step("next"), "clients");
    await sees();
    assert.equal(await step("next"), "servers");
    await sees();
    assert.equal(await step("back"), "clients");
    assert.equal(await step("back"), "trust");
    await sees();
    assert.equal(await step("back"), "none");
    assert.deepEqual(await fleet.pins(), first);
    const other = fleet.identity();
    await fleet.enrol(other, (await fleet.token()).text, { pins: first });
  });

  it("goes on with the new authority when the old one is gone, for whoever came along", async () => {
    fleet = await EnrollingFleet.start();
    const { authorities } = fleet.scene;
    const [identity, late] = [fleet.identity(), fleet.identity()];
    const { text } = await fleet.token({ uses: 3 });
    await fleet.enrol(identity, text);
    await fleet.enrol(late, text);
    const step = (which: "start" | "next") => authorities.rotate(which, async () => [], true);
    await step("start");
    await identity.keepTrust({ authorities: await fleet.scene.trusted() }, await idOf(identity));
    await step("next");
    await fleet.renew(identity);
    await step("next");
    await step("next");
    const isBelieved = () =>
      fleet.renew(identity).then(
        () => true,
        () => false,
      );
    // until the port shows the new one alone
    assert.ok(await waitUntil(systemClock, 10_000, isBelieved));
    await assert.rejects(fleet.renew(late));
    await fleet.enrol(late, text, { replace: true });
    await fleet.renew(late);
  });
});

describe("a machine's identity", () => {
  it("takes no trust that is none, and none while there is no machine", async () => {
    await using fleet = await EnrollingFleet.start();
    const identity = fleet.identity();
    await assert.rejects(identity.keepTrust({ addresses: ["a:1"] }, ""), { code: "not_found" });
    await fleet.enrol(identity, (await fleet.token()).text);
    const before = await identity.read();
    const id = before?.machineId ?? "";
    for (const trust of [
      { authorities: "" },
      { authorities: "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----" },
      { authorities: before?.certificate ?? "" },
      { addresses: ["not an address"] },
    ]) {
      await assert.rejects(identity.keepTrust(trust, id), { code: "refused" });
    }
    // told to the machine that this one was before it was enrolled anew
    await assert.rejects(identity.keepTrust({ addresses: ["a:1"] }, "m0"), { code: "not_found" });
    assert.deepEqual(await identity.read(), before);
    await Promise.all([
      identity.keepTrust({ addresses: ["a:1", "b:2"] }, id),
      identity.keepTrust({ authorities: before?.authorities ?? "" }, id),
    ]);
    assert.deepEqual((await new IdentityFile(dirname(dirname(identity.path))).read())?.addresses, ["a:1", "b:2"]);
  });
});

eachStore("a token", (scene) => {
  it("with one use, which twenty machines bring at once, enrols exactly one", async () => {
    await using fleet = await EnrollingFleet.start({ store: await scene.open() });
    const { text } = await fleet.token({ name: "web1" });
    const pins = await fleet.pins();
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => fleet.enrol(fleet.identity(), text, { pins })),
    );
    const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason.code] : []));
    assert.deepEqual(
      failures,
      Array.from({ length: 19 }, () => "refused"),
    );
    const { database } = fleet.scene.store;
    assert.equal((await database.selectFrom("machines").selectAll().execute()).length, 1);
    assert.equal(
      (await database.selectFrom("certificates").where("kind", "=", "machine").selectAll().execute()).length,
      1,
    );
    assert.equal((await database.selectFrom("tokens").selectAll().executeTakeFirstOrThrow()).uses_left, 0);
  });

  it("has as many uses as it has, and machines of one name are told apart", async () => {
    await using fleet = await EnrollingFleet.start({ store: await scene.open() });
    const own = hostname().toLowerCase();
    const { text } = await fleet.token({ namePattern: "*", uses: 5 });
    const pins = await fleet.pins();
    const results = await Promise.allSettled(
      Array.from({ length: 8 }, () => fleet.enrol(fleet.identity(), text, { pins })),
    );
    const names = results.flatMap((result) => (result.status === "fulfilled" ? [result.value.name] : []));
    assert.deepEqual(names.toSorted(), ["", "", "", "", own]);
  });

  it("is made within limits", async () => {
    const { database } = await scene.open();
    const order = { labels: {}, ttlMs: 1_800_000, uses: 1, name: "", namePattern: "", createdBy: "alice" };
    for (const wrong of [
      { ttlMs: 1000 },
      { ttlMs: 31 * 24 * 60 * minuteMs },
      { ttlMs: Number.NaN },
      { uses: 0 },
      { uses: 1.5 },
      { uses: 1e9 },
      { name: "web1", uses: 2 },
      { name: "web1", namePattern: "web*" },
      { name: "Web 1" },
      { name: "-web" },
      { namePattern: "(a+)+$" },
    ]) {
      await assert.rejects(
        createToken(database, systemClock, { ...order, ...wrong }),
        { code: "usage" },
        JSON.stringify(wrong),
      );
    }
    assert.equal((await database.selectFrom("tokens").selectAll().execute()).length, 0);
  });
});
