import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { LuksmithError } from "../../../../common/errors.ts";
import {
  controllerConfigJsonSchema,
  databaseFault,
  parseControllerConfig,
} from "../../../../controller/config/controller-config.ts";

const read = (path: string) => readFileSync(new URL(`../../../../${path}`, import.meta.url), "utf8");
const parse = (text: string) => parseControllerConfig(text, "controller.yaml");

function faultsOf(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    assert.ok(error instanceof LuksmithError);
    assert.equal(error.code, "config");
    return error.message.split("\n");
  }
  assert.fail(`it was accepted:\n${text}`);
}

const dayMs = 86_400_000;

test("nothing said: the defaults", () => {
  assert.deepEqual(parse("{}"), {
    listen: { host: undefined, port: 7443 },
    http: { host: "127.0.0.1", port: 7480 },
    address: undefined,
    addresses: [],
    database: "/var/lib/luksmith-controller/controller.db",
    stateDir: "/var/lib/luksmith-controller",
    log: { level: "info" },
    retention: {
      ...{ eventsMs: 30 * dayMs, runsMs: 400 * dayMs, alertsMs: 90 * dayMs },
      perMachine: { eventBytes: 64 * 2 ** 20, runs: 50_000 },
    },
    certificates: { machinesMs: 30 * dayMs, operatorsMs: 30 * dayMs, controllersMs: 30 * dayMs },
    alerts: {
      channels: new Map(),
      routes: [],
      pendingForMs: 300_000,
      remindMs: dayMs,
      atMostEveryMs: 300_000,
      deadManPing: undefined,
    },
    metrics: { perJob: true },
  });
});

test("everything that can be said", () => {
  const config = parse(`
listen: "[2001:db8::1]:443"
http: "[::1]:9000"
addresses: [a.example.net:443, "[2001:db8::1]:443"]
database: postgres://luksmith@db.example.net:5433/fleet?sslmode=verify-full
stateDir: /srv/controller/
log: { level: warn }
retention: { events: 7d, runs: 100d, alerts: 10d, perMachine: { events: 1G, runs: 5000 } }
certificates: { machines: 10d, operators: 8h, controllers: 90d }
metrics: { perJob: false }
alerts:
  channels:
    mail:
      smtp:
        host: mail.example.net
        tls: implicit
        authorities: /etc/ssl/own.pem
        user: luksmith
        password: { credential: smtp }
        from: luksmith@example.net
        to: [a@example.net, b@example.net]
    hook: { webhook: { url: "https://hook.example.net/x?y=1", secret: { file: /etc/luksmith/hook } } }
  routes:
    - { labels: { env: prod }, channels: [mail, hook] }
  pendingFor: 0s
  remind: 6h
  atMostEvery: 1m
  deadManPing: https://ping.example.net/1
`);
  assert.deepEqual(config.listen, { host: "2001:db8::1", port: 443 });
  assert.deepEqual(config.http, { host: "::1", port: 9000 });
  assert.deepEqual(config.addresses, ["a.example.net:443", "[2001:db8::1]:443"]);
  assert.equal(config.database, "postgres://luksmith@db.example.net:5433/fleet?sslmode=verify-full");
  assert.equal(config.stateDir, "/srv/controller");
  assert.deepEqual(config.retention, {
    ...{ eventsMs: 7 * dayMs, runsMs: 100 * dayMs, alertsMs: 10 * dayMs },
    perMachine: { eventBytes: 2 ** 30, runs: 5000 },
  });
  assert.equal(config.certificates.operatorsMs, 8 * 3_600_000);
  assert.deepEqual(config.metrics, { perJob: false });
  assert.deepEqual(config.alerts, {
    channels: new Map<string, unknown>([
      [
        "mail",
        {
          kind: "smtp",
          host: "mail.example.net",
          port: 465,
          tls: "implicit",
          authorities: "/etc/ssl/own.pem",
          login: { user: "luksmith", password: { from: "credential", name: "smtp" } },
          from: "luksmith@example.net",
          to: ["a@example.net", "b@example.net"],
        },
      ],
      [
        "hook",
        {
          kind: "webhook",
          url: "https://hook.example.net/x?y=1",
          secret: { from: "file", path: "/etc/luksmith/hook" },
        },
      ],
    ]),
    routes: [{ labels: { env: "prod" }, channels: ["mail", "hook"] }],
    pendingForMs: 0,
    remindMs: 6 * 3_600_000,
    atMostEveryMs: 60_000,
    deadManPing: "https://ping.example.net/1",
  });
});

const smtp = (more: string) =>
  `alerts: { channels: { m: { smtp: { host: h, from: a@b, to: [c@d]${more === "" ? "" : `, ${more}`} } } } }`;
const hook = (url: string) =>
  `alerts: { channels: { w: { webhook: { url: ${JSON.stringify(url)}, secret: { file: /s } } } } }`;

test("what is refused, and why", async (t) => {
  const cases: [string, string, RegExp][] = [
    ["an unknown key", "lisen: :7443", /^controller.yaml:1:1: lisen: unknown key; did you mean "listen"\?$/],
    ["too few runs", "retention: { perMachine: { runs: 10 } }", /retention.perMachine.runs: /],
    ["too few events", "retention: { perMachine: { events: 1K } }", /retention.perMachine.events: must be at least 1M/],
    ["a port alone", 'listen: "7443"', /listen: must be an address such as/],
    ["port 0", "listen: :0", /listen: must be an address/],
    ["a port too high", "http: localhost:65536", /http: must be an address/],
    ["an address that nobody can dial", "addresses: [:7443]", /addresses\[0\]: must be "host:port"/],
    ["half an IPv6 address", 'http: "[::1:80"', /must be an address/],
    ["a password in the database's URL", "database: postgres://u:secret@h/d", /must not have a password in it/],
    ["there as well", "database: postgres://u@h/d?password=secret", /must not have a password in it/],
    ["a relative file", "database: fleet.db", /must be a postgres:\/\/ URL, or the absolute path/],
    ["a certificate for a minute", "certificates: { machines: 1m }", /must be between/],
    ["a channel of no kind", "alerts: { channels: { a: {} } }", /alerts.channels.a: must be either smtp or webhook/],
    [
      "a header in an address",
      smtp('from: "a@b\\r\\nBcc: x@y"').replace("from: a@b, ", ""),
      /must be an address such as/,
    ],
    ["two addresses in one", smtp("").replace("[c@d]", '["c@d,e@f"]'), /must be an address such as/],
    ["nobody to write to", smtp("").replace("[c@d]", "[]"), /to: must not be empty/],
    ["a user without a password", smtp("user: u"), /user: needs a password/],
    ["a password without a user", smtp("password: { file: /p }"), /password: needs a user/],
    ["a password in the clear", smtp("user: u, password: { file: /p }, tls: none"), /tls: must not be none/],
    ["a password itself", smtp("user: u, password: secret"), /must be \{ file: PATH \} or \{ credential: NAME \}/],
    ["plain http", hook("http://example.net/"), /must begin with https:/],
    ["another scheme", hook("file:///etc/passwd"), /must begin with https:/],
    ["a password in a URL", hook("https://u:p@example.net/"), /must not have a user or a password/],
    [
      "a route to nowhere",
      "alerts: { routes: [{ labels: {}, channels: [mail] }] }",
      /alerts.routes\[0\].channels\[0\]: there is no channel "mail"/,
    ],
  ];
  for (const [name, text, fault] of cases) {
    await t.test(name, () => assert.match(faultsOf(text).join("\n"), fault));
  }
});

test("no secret is told with a fault", () => {
  for (const text of [
    smtp("user: u, password: hunter2"),
    "database: postgres://u:hunter2@h/d",
    hook("https://u:hunter2@h/"),
  ])
    assert.doesNotMatch(faultsOf(text).join("\n"), /hunter2/);
});

test("http is allowed to this host", () => {
  for (const url of ["http://127.0.0.1:1/", "http://localhost/x", "http://[::1]:2/"])
    assert.equal(parse(hook(url)).alerts.channels.size, 1);
});

test("the place of a database", () => {
  assert.equal(databaseFault("/var/lib/x.db"), undefined);
  assert.equal(databaseFault("postgresql://h/d"), undefined);
  assert.match(databaseFault("mysql://h/d") ?? "", /postgres/);
});

test("deploy/controller.schema.json is what the code makes (npm run schema)", () => {
  const made = JSON.parse(JSON.stringify(controllerConfigJsonSchema()));
  assert.deepEqual(JSON.parse(read("deploy/controller.schema.json")), made);
});

test("deploy/controller.yaml.example is a configuration, and so is the example in docs/controller.md", () => {
  const example = parseControllerConfig(read("deploy/controller.yaml.example"), "controller.yaml");
  assert.deepEqual([...example.alerts.channels.keys()], ["mail", "pager"]);
  const [, text = ""] = /^```yaml\n(.*?)^```$/ms.exec(read("docs/controller.md")) ?? [];
  assert.equal(parse(text).alerts.routes.length, 2);
});

test("docs/controller.md names every key of the schema", () => {
  const text = read("docs/controller.md");
  const keys = new Set<string>();
  JSON.stringify(controllerConfigJsonSchema(), (key, value: unknown) => {
    if (key === "properties" && typeof value === "object" && value !== null)
      for (const name of Object.keys(value)) keys.add(name);
    return value;
  });
  assert.ok(keys.has("deadManPing") && keys.has("authorities"));
  for (const key of keys) assert.match(text, new RegExp(`\\b${key}\\b`), key);
});
