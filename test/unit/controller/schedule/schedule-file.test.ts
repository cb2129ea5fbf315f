import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { LuksmithError } from "../../../../common/errors.ts";
import { scheduleFromJson, scheduleToJson } from "../../../../controller/schedule/fleet-schedule.ts";
import { readSchedules } from "../../../../controller/schedule/schedule-file.ts";
import { fieldsOf, scheduleText } from "../../../../controller/schedule/written-form.ts";

const whole = `
name: nightly
selector: " env=prod, role!=db "
verb: backup
job: "*"
cron: "0 2 * * *"
timezone: Europe/Berlin
splay: 90m
windows:
  - { from: "22:00", to: "06:00" }
  - { days: [sat, sun], from: "06:00", to: "24:00" }
maxAge: 26h
maxConcurrent: { fleet: 50, perBackupHost: 4 }
retry: { attempts: 5, firstWait: 2m, longestWait: 15m }
deadline: 6h
ping: "https://hc-ping.com/abc/{machine}-{job}"
`;

function faultsOf(text: string): string[] {
  try {
    readSchedules(text, "f");
  } catch (error) {
    assert.ok(error instanceof LuksmithError);
    assert.equal(error.code, "config");
    return error.message.split("\n");
  }
  assert.fail(`it was accepted:\n${text}`);
}

/** A schedule that is right but for what is said. */
function nearlyRight(change: Readonly<Record<string, string | undefined>>): string {
  const fields = { name: "n", selector: "env=prod", verb: "backup", job: "home", cron: '"0 2 * * *"', ...change };
  return Object.entries(fields)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}: ${value}\n`]))
    .join("");
}

describe("a file of schedules", () => {
  it("says everything that there is to be said", () => {
    assert.deepEqual(readSchedules(whole, "f"), [
      {
        name: "nightly",
        selector: "env=prod,role!=db",
        verb: "backup",
        job: "*",
        volume: undefined,
        level: undefined,
        cron: "0 2 * * *",
        timezone: "Europe/Berlin",
        splayMs: 5_400_000,
        windows: [
          { days: [], fromMinute: 1320, toMinute: 360 },
          { days: [6, 7], fromMinute: 360, toMinute: 1440 },
        ],
        maxAgeMs: 93_600_000,
        maxConcurrent: { fleet: 50, perBackupHost: 4 },
        retry: { attempts: 5, firstWaitMs: 120_000, longestWaitMs: 900_000 },
        deadlineMs: 21_600_000,
        ping: "https://hc-ping.com/abc/{machine}-{job}",
      },
    ]);
  });

  const least = "selector: all, verb: trim, volume: home, cron: '@weekly'";
  const forms: [string, string, string[]][] = [
    ["several documents", `---\n{ name: a, ${least} }\n---\n{ name: b, ${least} }\n---\n`, ["a", "b"]],
    ["a list", `- { name: a, ${least} }\n- { name: b, ${least} }\n`, ["a", "b"]],
    ["a list below schedules", `schedules:\n  - { name: a, ${least} }\n  - { name: b, ${least} }\n`, ["a", "b"]],
    ["names in front", `schedules:\n  a: { ${least} }\n  b: { ${least} }\n`, ["a", "b"]],
    [
      "all of them at once",
      `[{ name: a, ${least} }]\n---\n{ name: b, ${least} }\n---\nschedules: { c: { ${least} } }`,
      ["a", "b", "c"],
    ],
    ["none, said so", "schedules: []", []],
    ["none in a mapping", "schedules: {}", []],
  ];
  for (const [form, text, names] of forms) {
    it(`may be ${form}`, () => {
      assert.deepEqual(
        readSchedules(text, "f").map(({ name }) => name),
        names,
      );
    });
  }

  it("has every fault told at once, each with its place", () => {
    const text = `name: Nightly
selector: env=prod,
verb: restore
cron: "0 0 31 2 *"
timezone: Europe/Berlim
windows: [{ from: 2:00, to: "25:00" }]
maxage: 26h
---
- name: weekly
  selector: web1
  verb: trim
  job: home
  cron: "0 2 * * *"
`;
    assert.deepEqual(faultsOf(text), [
      "f:1:7: name: must be 1 to 32 of a-z, 0-9, _ and -, and begin with a letter or a digit",
      'f:2:11: selector: at character 10: a part is missing (leave out the comma; such as "env=prod,role!=db" or "name=web*"; "all" is every machine)',
      "f:3:7: verb: must be one of backup, verify, drill, prune, trim, check",
      "f:4:7: cron: never comes: there is no such date",
      'f:5:11: timezone: there is no such time zone; did you mean "Europe/Berlin"?',
      'f:6:19: windows[0].from: must be a time of day, such as "22:00"',
      'f:6:29: windows[0].to: must be a time of day, such as "22:00"',
      'f:7:1: maxage: unknown key; did you mean "maxAge"?',
      'f:10:13: [0].selector: at character 1: "web1" says no value (name=web1 for the machine of that name; web1=* for all that have the label)',
      "f:11:9: [0].verb: trim needs a volume",
      "f:12:3: [0].job: trim is about a volume: leave `job` out",
    ]);
  });

  const faults: [string, string, RegExp[]][] = [
    ["nothing", "", [/^f:1:1: the file says nothing$/]],
    ["text", "nightly", [/^f:1:1: must be a mapping, but is text$/]],
    ["half a document", "name: [", [/^f:1:8: is not valid YAML/]],
    ["a key beside schedules", `schedules: []\nversion: 1\n`, [/^f:2:1: version: unknown key$/]],
    ["schedules that are text", "schedules: nightly", [/^f:1:12: schedules: must be a mapping, but is text$/]],
    ["a bad name in front", `schedules:\n  "a b": { ${least} }`, [/^f:2:3: schedules\["a b"\]: must be 1 to 32/]],
    [
      "a name inside and in front",
      `schedules:\n  a: { name: a, ${least} }`,
      [/^f:2:8: schedules\.a\.name: unknown key/],
    ],
    [
      "one name twice",
      `{ name: a, ${least} }\n---\n{ name: a, ${least} }`,
      [/^f:3:9: name: another schedule is called "a" already$/],
    ],
    [
      "one name twice, once in front",
      `{ name: a, ${least} }\n---\nschedules:\n  a: { ${least} }`,
      [/^f:4:3: schedules\.a: another/],
    ],
    [
      "nothing about what or when",
      "name: a",
      [/selector: is missing/, /verb: is missing/, /cron: must be a cron expression/],
    ],
    ["a job that is no name", nearlyRight({ job: "../etc" }), [/^f:4:6: job: must be a name/]],
    ["no job", nearlyRight({ job: undefined }), [/verb: backup needs a job: its name, or "\*" for each/]],
    ["a volume for a job's verb", nearlyRight({ volume: "v" }), [/volume: backup is about a job/]],
    ["a level for a backup", nearlyRight({ level: "quick" }), [/level: is for the verb verify alone/]],
    [
      "an unknown level",
      nearlyRight({ verb: "verify", level: "deep" }),
      [/level: must be one of quick, spot, full, scrub/],
    ],
    ["maxAge for a prune", nearlyRight({ verb: "prune", maxAge: "26h" }), [/maxAge: is for the verb backup alone/]],
    [
      "a maxAge that is always exceeded",
      nearlyRight({ maxAge: "20h" }),
      [/maxAge: must be longer than the longest time between two starts, 24 h/],
    ],
    ["a splay longer than the pause", nearlyRight({ splay: "25h" }), [/splay: must not be longer/]],
    ["six fields", nearlyRight({ cron: '"0 0 2 * * *"' }), [/cron: must be five fields/]],
    ["no five fields", nearlyRight({ cron: "daily" }), [/cron: must be five fields/]],
    ["none at a time", nearlyRight({ maxConcurrent: "{ fleet: 0 }" }), [/maxConcurrent\.fleet: must be at least 1/]],
    ["half a run at a time", nearlyRight({ maxConcurrent: "{ fleet: 1.5 }" }), [/must be a whole number/]],
    [
      "a number for the limits",
      nearlyRight({ maxConcurrent: "5" }),
      [/maxConcurrent: must be a mapping, but is a number/],
    ],
    ["a deadline without unit", nearlyRight({ deadline: "60" }), [/deadline: must be a duration with its unit/]],
    ["a ping to a file", nearlyRight({ ping: "file:///etc/shadow" }), [/ping: must be an address such as/]],
    ["a ping with a password", nearlyRight({ ping: '"https://a:b@c/"' }), [/ping: must not have a password/]],
    [
      "a ping with what stands for nothing",
      nearlyRight({ ping: '"https://c/{host}"' }),
      [/ping: "\{host\}" stands for nothing/],
    ],
    [
      "a ping to a host of the machine's choice",
      nearlyRight({ ping: '"https://{machine}/x"' }),
      [/behind the host alone/],
    ],
    ["an alias", "a: &x 1\nb: *x", [/anchors are not read here/, /aliases are not read here/]],
    ["a selector that is a list", nearlyRight({ selector: "[env=prod]" }), [/selector: must be text, but is a list/]],
  ];
  for (const [what, text, expected] of faults) {
    it(`may not have ${what}`, () => {
      const told = faultsOf(text);
      for (const pattern of expected)
        assert.ok(
          told.some((line) => pattern.test(line)),
          told.join("\n"),
        );
    });
  }

  it("has a limit", () => {
    const text = Array.from({ length: 501 }, (_, n) => `- { name: n${n}, ${least} }\n`).join("");
    assert.deepEqual(faultsOf(text), ["f:501:11: [500].name: is one more than 500"]);
  });
});

describe("a schedule", () => {
  it("is the same when it comes out of the store", () => {
    for (const schedule of readSchedules(`${whole}---\n${nearlyRight({})}`, "f")) {
      assert.deepEqual(scheduleFromJson(scheduleToJson(schedule)), schedule);
    }
  });

  it("is written down so that it can be applied again", () => {
    const [schedule] = readSchedules(whole, "f");
    assert.ok(schedule);
    const text = scheduleText(schedule);
    assert.deepEqual(readSchedules(text, "f"), [schedule]);
    assert.match(text, /^name: nightly\nselector: env=prod,role!=db\nverb: backup\n/);
  });

  it("has fields, one line each", () => {
    const [schedule] = readSchedules(whole, "f");
    assert.ok(schedule);
    assert.deepEqual(Object.fromEntries(fieldsOf(schedule).map(({ name, value }) => [name, value])), {
      selector: "env=prod,role!=db",
      verb: "backup",
      job: '"*"',
      cron: "0 2 * * *",
      timezone: "Europe/Berlin",
      splay: "1h30m",
      windows: "[ { from: 22:00, to: 06:00 }, { days: [ sat, sun ], from: 06:00, to: 24:00 } ]",
      maxAge: "1d2h",
      "maxConcurrent.fleet": "50",
      "maxConcurrent.perBackupHost": "4",
      "retry.attempts": "5",
      "retry.firstWait": "2m",
      "retry.longestWait": "15m",
      deadline: "6h",
      ping: "https://hc-ping.com/abc/{machine}-{job}",
    });
  });
});
