import assert from "node:assert/strict";
import { test } from "node:test";
import { byPreference, fingerprint, keyText, planTrust } from "../../../cli/host-key.ts";
import { ed25519Key, rsaKey, sampleScan } from "./samples.ts";

const old = { type: "ssh-ed25519", fingerprint: `SHA256:${"A".repeat(43)}` };
const ask = { fingerprint: "", replace: false };
const scripted = { fingerprint: ed25519Key.fingerprint, replace: false };

test("a new host: ask, and prefer ed25519", () => {
  assert.deepEqual(planTrust(sampleScan(), ask), { do: "ask", key: ed25519Key, replace: false });
  assert.deepEqual(planTrust(sampleScan({ offered: [rsaKey] }), ask), { do: "ask", key: rsaKey, replace: false });
});

test("a new host and a fingerprint: trust that key and no other", () => {
  assert.deepEqual(planTrust(sampleScan(), scripted), { do: "trust", key: ed25519Key, replace: false });
  const rsa = { fingerprint: rsaKey.fingerprint, replace: false };
  assert.deepEqual(planTrust(sampleScan(), rsa), { do: "trust", key: rsaKey, replace: false });
});

test("another key than the one that was named: both fingerprints", () => {
  assert.throws(
    () => planTrust(sampleScan({ offered: [old] }), scripted),
    (error: Error & { exitCode?: number }) =>
      error.exitCode === 13 &&
      error.message.includes(old.fingerprint) &&
      error.message.includes(ed25519Key.fingerprint),
  );
});

test("a host that is trusted already needs nothing", () => {
  const scan = sampleScan({ trusted: [ed25519Key] });
  assert.deepEqual(planTrust(scan, ask), { do: "nothing", key: ed25519Key });
  assert.deepEqual(planTrust(scan, scripted), { do: "nothing", key: ed25519Key });
});

test("a changed key shows both and wants --replace, asked for or not", () => {
  const scan = sampleScan({ trusted: [old] });
  for (const request of [ask, scripted]) {
    assert.throws(
      () => planTrust(scan, request),
      (error: Error & { exitCode?: number; hint?: string }) =>
        error.exitCode === 13 &&
        error.message.includes(old.fingerprint) &&
        error.message.includes(ed25519Key.fingerprint) &&
        error.hint?.includes("--replace") === true,
    );
  }
  assert.deepEqual(planTrust(scan, { ...ask, replace: true }), { do: "ask", key: ed25519Key, replace: true });
  assert.deepEqual(planTrust(scan, { ...scripted, replace: true }), { do: "trust", key: ed25519Key, replace: true });
});

test("the same fingerprint under another type is another key", () => {
  const scan = sampleScan({ offered: [ed25519Key], trusted: [{ ...ed25519Key, type: "ssh-rsa" }] });
  assert.throws(() => planTrust(scan, ask), { code: "refused" });
});

test("a second key beside the trusted one takes --replace", () => {
  const scan = sampleScan({ trusted: [ed25519Key] });
  assert.throws(() => planTrust(scan, { fingerprint: rsaKey.fingerprint, replace: false }), { code: "refused" });
});

test("no key at all", () => {
  assert.throws(() => planTrust(sampleScan({ offered: [] }), ask), { code: "unreachable" });
});

test("keys in the order in which ssh chooses", () => {
  const of = (type: string) => ({ type, fingerprint: old.fingerprint });
  const keys = ["ssh-dss", "ssh-rsa", "ecdsa-sha2-nistp256", "ssh-ed25519"].map(of);
  assert.deepEqual(
    byPreference(keys).map(({ type }) => type),
    ["ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "ssh-dss"],
  );
});

test("keys as ssh-keygen -l prints them", () => {
  assert.equal(keyText(ed25519Key), `${ed25519Key.fingerprint} (ED25519)`);
  assert.equal(keyText(rsaKey), `${rsaKey.fingerprint} (RSA)`);
  assert.equal(keyText({ ...rsaKey, type: "ecdsa-sha2-nistp256" }), `${rsaKey.fingerprint} (ECDSA)`);
  assert.equal(keyText({ type: "\x1b", fingerprint: "\x1b" }), "\\u{1b} (\\u{1b})");
});

test("fingerprints as they are typed", () => {
  assert.equal(fingerprint(ed25519Key.fingerprint), ed25519Key.fingerprint);
  assert.equal(fingerprint(`${ed25519Key.fingerprint}=`), ed25519Key.fingerprint);
  for (const text of ["", "SHA256:", "MD5:00:11", ed25519Key.fingerprint.slice(7), `${ed25519Key.fingerprint}x`]) {
    assert.throws(() => fingerprint(text), { code: "usage" }, text);
  }
});
