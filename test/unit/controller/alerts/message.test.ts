import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";
import type { Alert } from "../../../../controller/alerts/alert.ts";
import {
  alertMessageSchema,
  channelsOf,
  messagesFor,
  subjectOf,
  testMessage,
  textOf,
} from "../../../../controller/alerts/message.ts";

const now = new Date("2026-11-28T12:00:00Z");

function alert(machineId: string, more: Partial<Alert> = {}): Alert {
  return {
    id: machineId,
    kind: "overdue",
    subject: machineId,
    machineId,
    job: "home",
    state: "firing",
    sinceMs: now.getTime() - 3_600_000,
    seenMs: 0,
    firedMs: 0,
    clearMs: undefined,
    resolvedMs: undefined,
    message: "no good backup within 26 h",
    flaps: 0,
    notified: 0,
    notifiedMs: undefined,
    ...more,
  };
}

const nameOf = (id: string) => ({ name: `web-${id}`, labels: { env: id === "a" ? "prod" : "test" } });
const routes = [{ labels: { env: "prod" }, channels: ["pager"] }];

test("who is told: the first route that fits, and everybody when none does", () => {
  const channels = ["mail", "pager"];
  assert.deepEqual(channelsOf({ env: "prod", role: "db" }, routes, channels), ["pager"]);
  assert.deepEqual(channelsOf({ env: "test" }, routes, channels), channels);
  assert.deepEqual(channelsOf({}, [{ labels: {}, channels: ["mail"] }, ...routes], channels), ["mail"]);
  assert.deepEqual(channelsOf({}, [{ labels: { toString: "x" }, channels: ["mail"] }], channels), channels);
});

test("each channel is told what is for it", () => {
  const due = { firing: [alert("a"), alert("b")], resolved: [], reminders: [alert("b", { kind: "failing" })] };
  const messages = messagesFor(due, nameOf, routes, ["mail", "pager"], now, randomUUID);
  const [mail, pager] = [messages.get("mail"), messages.get("pager")];
  assert.deepEqual(mail?.firing.alerts, [
    {
      kind: "overdue",
      machine: "web-b",
      job: "home",
      message: "no good backup within 26 h",
      since: "2026-11-28T11:00:00.000Z",
    },
  ]);
  assert.equal(mail?.reminders.count, 1);
  // no route names "b": it goes everywhere
  assert.deepEqual(
    pager?.firing.alerts.map(({ machine }) => machine),
    ["web-a", "web-b"],
  );
  assert.notEqual(mail?.id, pager?.id);
  for (const each of messages.values())
    assert.deepEqual(alertMessageSchema.parse(JSON.parse(JSON.stringify(each))), each);
});

test("who has nothing to hear is not written to", () => {
  const only = [{ labels: {}, channels: ["mail"] }];
  const due = { firing: [alert("a")], resolved: [], reminders: [] };
  assert.deepEqual([...messagesFor(due, nameOf, only, ["mail", "pager"], now, () => "1").keys()], ["mail"]);
});

test("ten thousand alerts are one short message", () => {
  const firing = Array.from({ length: 10_000 }, (_, n) => alert(`${n}`));
  const message = messagesFor({ firing, resolved: [], reminders: [] }, nameOf, [], ["mail"], now, () => "1").get(
    "mail",
  );
  assert.ok(message);
  assert.equal(message.firing.count, 10_000);
  assert.equal(subjectOf(message), "[luksmith] 10,000 new alerts");
  const text = textOf(message);
  assert.match(text, /^New \(10,000\):\n {2}overdue: web-0 home: no good backup/);
  assert.match(text, /\n {2}and 9,800 more\n/);
  assert.ok(JSON.stringify(message).length < 100_000);
});

test("one line is about one, whatever it is called", () => {
  const hostile = () => ({ name: "web\r\nBcc: eve@example.net\r\n\r\n\u202egone", labels: {} });
  const due = { firing: [alert("a", { message: "a\r\n.\r\nQUIT" })], resolved: [], reminders: [] };
  const message = messagesFor(due, hostile, [], ["mail"], now, () => "1").get("mail");
  assert.ok(message);
  assert.doesNotMatch(subjectOf(message), /[\r\n\u202e]/);
  assert.match(subjectOf(message), /^\[luksmith\] overdue: web\\u\{d\}\\u\{a\}Bcc: eve@example\.net/);
  assert.doesNotMatch(textOf(message), /\r|\u202e|^Bcc|^\.$/m);
});

test("what there is of each", () => {
  const due = { firing: [alert("a")], resolved: [alert("b"), alert("c")], reminders: [alert("d", { job: "" })] };
  const message = messagesFor(due, nameOf, [], ["mail"], now, () => "1").get("mail");
  assert.ok(message);
  assert.equal(subjectOf(message), "[luksmith] 1 new alert, 2 resolved, 1 reminder");
  assert.match(
    textOf(message),
    /New \(1\):\n.*web-a home.*\n\nResolved \(2\):\n.*\n.*\n\nStill so \(1\):\n {2}overdue: web-d: /,
  );
});

test("a test says that it is one", () => {
  const message = testMessage(now, "1");
  assert.match(subjectOf(message), /a test/);
  assert.match(textOf(message), /Nothing is wrong/);
});
