import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { faultsOf } from "./faults.ts";

const path = "/etc/luksmith/agent.yaml";

test("everything that can be said", () => {
  const config = parseAgentConfig(
    `
socket: { path: /run/backup/agent.sock, group: operators }
stateDir: /srv/luksmith/
runtimeDir: /run/backup
log: { level: debug }
runs: { attempts: 3, firstWait: 1m, longestWait: 1h, deadline: 2d }
metrics: { listen: "127.0.0.1:7481", textfile: /var/lib/node_exporter/luksmith.prom }
remotes:
  vault:
    host: 2001:db8::7
    port: 2222
    user: lm-web01
    path: /srv//images/
    identity: /root/.ssh/vault
    transport: sshfs
    connectTimeout: 1m30s
volumes:
  home:
    remote: vault
    image: home.luks
    size: 1.5G
    filesystem: ext4
    key: { file: /root/home.key }
    kdf: { type: pbkdf2, iterations: 1000 }
jobs:
  home:
    volume: home
    user: alice
    sourcesBelow: [/home/alice/]
    sources: [/home/, /etc, "/srv/it's \\"here\\"", /]
    exclude: ["*.tmp", /home/*/.cache, "-dash", "!not"]
    before: [/usr/local/bin/dump, [/usr/bin/logger, "--", "two words", ""]]
    after: [/bin/true]
    hookTimeout: 5m
    bandwidthLimit: 5M
    oneFileSystem: false
    deadline: 12h
    keep: { last: 2, hourly: 24, within: 14d, minAge: 6h, afterBackup: false }
    timezone: Asia/Tokyo
    schedule:
      cron: 0 2 * * *
      splay: 30m
      windows: [{ days: [sat, sun], from: "22:00", to: "06:00" }]
      maxAge: 8d
      retry: { attempts: 2 }
      deadline: 6h
access:
  - { users: [alice, 'EXAMPLE\\bob'], groups: [wheel, domain users], volumes: [home], jobs: ["*"], allow: [backup] }
controller: { allow: [status, ls], addresses: ["backup.example.net:7443"] }
`,
    path,
  );
  assert.deepEqual(config, {
    controller: { allow: ["status", "ls"], addresses: ["backup.example.net:7443"] },
    socket: { path: "/run/backup/agent.sock", group: "operators" },
    stateDir: "/srv/luksmith",
    runtimeDir: "/run/backup",
    log: { level: "debug" },
    runs: { retry: { attempts: 3, firstWaitMs: 60_000, longestWaitMs: 3_600_000 }, deadlineMs: 172_800_000 },
    metrics: {
      listen: { host: "127.0.0.1", port: 7481 },
      textfile: "/var/lib/node_exporter/luksmith.prom",
    },
    remotes: new Map([
      [
        "vault",
        {
          name: "vault",
          host: "2001:db8::7",
          port: 2222,
          user: "lm-web01",
          path: "/srv/images",
          identity: "/root/.ssh/vault",
          transport: "sshfs",
          trustedWire: false,
          connectTimeoutMs: 90_000,
          stallTimeoutMs: 60_000,
          leaseMs: 300_000,
        },
      ],
    ]),
    volumes: new Map([
      [
        "home",
        {
          name: "home",
          remote: "vault",
          image: "home.luks",
          sizeBytes: 1.5 * 2 ** 30,
          growth: undefined,
          filesystem: "ext4",
          compression: undefined,
          key: { from: "file", path: "/root/home.key", generated: false },
          kdf: { type: "pbkdf2", iterations: 1000 },
        },
      ],
    ]),
    jobs: new Map([
      [
        "home",
        {
          name: "home",
          volume: "home",
          sources: ["/home", "/etc", `/srv/it's "here"`, "/"],
          user: "alice",
          sourcesBelow: ["/home/alice"],
          exclude: ["*.tmp", "/home/*/.cache", "-dash", "!not"],
          before: [["/usr/local/bin/dump"], ["/usr/bin/logger", "--", "two words", ""]],
          after: [["/bin/true"]],
          hookTimeoutMs: 300_000,
          bandwidthLimit: 5 * 2 ** 20,
          oneFileSystem: false,
          deadlineMs: 43_200_000,
          keep: { counts: { last: 2, hourly: 24 }, withinMs: 1_209_600_000, minAgeMs: 21_600_000, afterBackup: false },
          timezone: "Asia/Tokyo",
          schedule: {
            cron: "0 2 * * *",
            timezone: undefined,
            splayMs: 1_800_000,
            windows: [{ days: [6, 7], fromMinute: 1320, toMinute: 360 }],
            maxAgeMs: 691_200_000,
            retry: { attempts: 2, firstWaitMs: undefined, longestWaitMs: undefined },
            deadlineMs: 21_600_000,
          },
        },
      ],
    ]),
    access: [
      {
        users: ["alice", "EXAMPLE\\bob"],
        groups: ["wheel", "domain users"],
        volumes: ["home"],
        jobs: ["*"],
        allow: ["backup"],
      },
    ],
  });
});

const least = `
remotes: { vault: { host: vault, user: u } }
volumes: { home: { remote: vault, image: home.luks, size: 64M } }
jobs: { home: { volume: home, sources: [/home] } }
`;

test("what is left out", () => {
  const config = parseAgentConfig(least, path);
  assert.deepEqual(config.socket, { path: "/run/luksmith/agent.sock", group: "luksmith" });
  assert.equal(config.stateDir, "/var/lib/luksmith");
  assert.equal(config.runtimeDir, "/run/luksmith");
  assert.deepEqual(config.log, { level: "info" });
  assert.deepEqual(config.runs, {
    retry: { attempts: 5, firstWaitMs: 120_000, longestWaitMs: 900_000 },
    deadlineMs: 604_800_000,
  });
  assert.deepEqual(config.access, []);
  assert.deepEqual(config.remotes.get("vault"), {
    name: "vault",
    host: "vault",
    port: 22,
    user: "u",
    path: ".",
    identity: "/etc/luksmith/ssh/id_ed25519",
    transport: "auto",
    trustedWire: false,
    connectTimeoutMs: 20_000,
    stallTimeoutMs: 60_000,
    leaseMs: 300_000,
  });
  assert.deepEqual(config.volumes.get("home"), {
    name: "home",
    remote: "vault",
    image: "home.luks",
    sizeBytes: 64 * 2 ** 20,
    growth: undefined,
    filesystem: "ext4",
    compression: undefined,
    key: { from: "file", path: "/etc/luksmith/keys/home.key", generated: true },
    kdf: undefined,
  });
  assert.deepEqual(config.jobs.get("home"), {
    name: "home",
    volume: "home",
    sources: ["/home"],
    user: undefined,
    sourcesBelow: [],
    exclude: [],
    before: [],
    after: [],
    hookTimeoutMs: 1_800_000,
    bandwidthLimit: undefined,
    oneFileSystem: true,
    deadlineMs: undefined,
    keep: undefined,
    timezone: undefined,
    schedule: undefined,
  });
});

test("generated keys and the SSH key are beside the file, wherever that is", () => {
  const config = parseAgentConfig(least, "/srv/test/luksmith.yaml");
  const key = { from: "file", path: "/srv/test/keys/home.key", generated: true };
  assert.deepEqual(config.volumes.get("home")?.key, key);
  assert.equal(config.remotes.get("vault")?.identity, "/srv/test/ssh/id_ed25519");
});

test("an agent without anything to do yet", () => {
  const config = parseAgentConfig("{}", path);
  assert.deepEqual([config.remotes.size, config.volumes.size, config.jobs.size], [0, 0, 0]);
});

test("ten faults are ten lines, each where it is", () => {
  const text = `
remotes:
  vault: { host: "-oProxyCommand=reboot", user: lm-web01, path: images }
volumes:
  home: { remote: vualt, image: ../home.luks, size: 200, key: { passphrase: hunter2, file: home.key } }
jobs:
  home:
    volume: hme
    sources: [/home, etc]
    bandwidthlimit: 5M
    hookTimeout: 10
`;
  assert.deepEqual(faultsOf(text), [
    "agent.yaml:3:18: remotes.vault.host: must be a host name or an IP address (IPv6 without brackets and zone)",
    'agent.yaml:5:19: volumes.home.remote: there is no remote "vualt"; did you mean "vault"?',
    "agent.yaml:5:33: volumes.home.image: must be one file name of letters, digits, _, ., + and -, and not begin with . or -",
    "agent.yaml:5:53: volumes.home.size: must be at least 64M",
    "agent.yaml:5:65: volumes.home.key.passphrase: unknown key",
    "agent.yaml:5:92: volumes.home.key.file: must be an absolute path",
    'agent.yaml:8:13: jobs.home.volume: there is no volume "hme"; did you mean "home"?',
    "agent.yaml:9:22: jobs.home.sources[1]: must be an absolute path",
    'agent.yaml:10:5: jobs.home.bandwidthlimit: unknown key; did you mean "bandwidthLimit"?',
    'agent.yaml:11:18: jobs.home.hookTimeout: must be a duration with its unit, such as "30s" or "1h30m"',
  ]);
});

test("a file system, and a size that is too small for it", () => {
  const volumes = (settings: string) =>
    `remotes: { v: { host: v, user: u } }\nvolumes: { a: { remote: v, image: a, ${settings} } }`;
  assert.deepEqual(faultsOf(volumes("size: 64M, filesystem: btrfs")), [
    "agent.yaml:2:44: volumes.a.size: must be at least 256 MiB for btrfs",
  ]);
  assert.equal(
    parseAgentConfig(volumes("size: 256M, filesystem: btrfs"), "agent.yaml").volumes.get("a")?.filesystem,
    "btrfs",
  );
  assert.equal(parseAgentConfig(volumes("size: 64M"), "agent.yaml").volumes.get("a")?.filesystem, "ext4");
  const compression = (settings: string) =>
    parseAgentConfig(volumes(settings), "agent.yaml").volumes.get("a")?.compression;
  assert.equal(compression("size: 256M, filesystem: btrfs"), "zstd:3");
  assert.equal(compression("size: 256M, filesystem: btrfs, compression: zstd:15"), "zstd:15");
  assert.equal(compression("size: 256M, filesystem: btrfs, compression: none"), undefined);
  assert.equal(compression("size: 64M"), undefined);
  assert.deepEqual(faultsOf(volumes("size: 64M, compression: zstd:3")), [
    "agent.yaml:2:62: volumes.a.compression: ext4 does not compress; btrfs does",
  ]);
  for (const wrong of ["zstd", "zstd:0", "zstd:16", "zlib:3", "'zstd:3,rw'", "3"]) {
    const [fault = ""] = faultsOf(volumes(`size: 256M, filesystem: btrfs, compression: ${wrong}`));
    assert.match(fault, /volumes\.a\.compression: /, wrong);
  }
  assert.match(faultsOf(volumes("size: 64M, filesystem: xfs"))[0] ?? "", /^agent.yaml:2:\d+: volumes.a.filesystem: /);
});

test("whose rights sources are read with, and who names them", () => {
  const job = (settings: string) =>
    `remotes: { v: { host: v, user: u } }\nvolumes: { a: { remote: v, image: a, size: 64M } }\njobs:\n  mine: { volume: a, ${settings} }`;
  const read = (settings: string) => parseAgentConfig(job(settings), "agent.yaml").jobs.get("mine");
  const { sources, sourcesBelow } = read("user: alice, sourcesBelow: [/home/alice, /srv]") ?? {};
  assert.deepEqual([sources, sourcesBelow], [[], ["/home/alice", "/srv"]]);
  assert.equal(read("user: alice, sources: [/home/alice]")?.user, "alice");
  const faults = (settings: string) =>
    faultsOf(job(settings)).map((fault) => fault.replace(/^agent\.yaml:4:\d+: /, ""));
  assert.deepEqual(faults("user: alice"), ["jobs.mine.sources: must name at least one directory or file"]);
  assert.deepEqual(faults("sources: [/a], sourcesBelow: [/home]"), [
    "jobs.mine.sourcesBelow: is for the user of a job, who is not named",
  ]);
  assert.deepEqual(faults("sources: [/a], user: root"), [
    "jobs.mine.user: root needs no job of its own: leave `user` out",
  ]);
  assert.deepEqual(faults("user: alice, sourcesBelow: [home]"), [
    "jobs.mine.sourcesBelow[0]: must be an absolute path",
  ]);
});

test("which snapshots stay, and where their days begin", () => {
  const job = (settings: string) =>
    `remotes: { v: { host: v, user: u } }\nvolumes: { a: { remote: v, image: a, size: 64M } }\njobs:\n  home: { volume: a, sources: [/home], ${settings} }`;
  const read = (settings: string) => parseAgentConfig(job(settings), "agent.yaml").jobs.get("home");
  const { keep, timezone } = read("keep: { last: 3, daily: 7, within: 2d, minAge: 0s }, timezone: Europe/Berlin") ?? {};
  assert.equal(timezone, "Europe/Berlin");
  assert.deepEqual(keep, { counts: { last: 3, daily: 7 }, withinMs: 172_800_000, minAgeMs: 0, afterBackup: true });
  assert.equal(read("keep: { yearly: 1, afterBackup: false }")?.keep?.minAgeMs, 86_400_000);
  assert.equal(read("keep: { yearly: 1, afterBackup: false }")?.keep?.afterBackup, false);
  assert.equal(read("exclude: []")?.keep, undefined);

  const faults = (settings: string) =>
    faultsOf(job(settings)).map((fault) => fault.replace(/^agent\.yaml:4:\d+: /, ""));
  const nothing =
    "jobs.home.keep: would remove everything but the newest snapshot; give at least one of last, hourly, daily, weekly, monthly, yearly, within";
  assert.deepEqual(faults("keep: {}"), [nothing]);
  assert.deepEqual(faults("keep: { minAge: 1d }"), [nothing]);
  const count = "must be a whole number from 1 on; left out, the rule keeps nothing";
  assert.deepEqual(faults("keep: { last: 0 }"), [`jobs.home.keep.last: ${count}`]);
  assert.deepEqual(faults("keep: { daily: -1 }"), [`jobs.home.keep.daily: ${count}`]);
  assert.deepEqual(faults("keep: { daily: 1.5 }"), [`jobs.home.keep.daily: ${count}`]);
  assert.deepEqual(faults("keep: { dayly: 7, last: 1 }"), ['jobs.home.keep.dayly: unknown key; did you mean "daily"?']);
  const zone = "jobs.home.timezone: there is no such time zone;";
  assert.deepEqual(faults("timezone: Europe/Berln"), [`${zone} did you mean "Europe/Berlin"?`]);
  assert.deepEqual(faults("timezone: Mars/Olympus"), [`${zone} such as "Europe/Berlin" or "UTC"`]);
  assert.deepEqual(faults('timezone: "+02:00"'), [`${zone} such as "Europe/Berlin" or "UTC"`]);
});

test("a size that grows by itself: what it begins with, its step and its limit", () => {
  const volumes = (size: string) =>
    `remotes: { v: { host: v, user: u } }\nvolumes: { a: { remote: v, image: a, size: ${size} } }`;
  const volume = parseAgentConfig(volumes("{ auto: { start: 64M, step: 16M, limit: 1G } }"), "agent.yaml").volumes.get(
    "a",
  );
  assert.equal(volume?.sizeBytes, 64 * 2 ** 20);
  assert.deepEqual(volume?.growth, { stepBytes: 16 * 2 ** 20, limitBytes: 2 ** 30 });
  assert.equal(parseAgentConfig(volumes("64M"), "agent.yaml").volumes.get("a")?.growth, undefined);
  for (const [size, where] of [
    ["{ auto: { start: 64M, step: 1M, limit: 1G } }", "volumes.a.size.auto.step: must be at least 16M"],
    ["{ auto: { start: 64M, step: 16M, limit: 60M } }", "volumes.a.size.auto.limit: must be at least 64M"],
    ["{ auto: { start: 128M, step: 16M, limit: 64M } }", "volumes.a.size.auto.limit: must not be less than start"],
    ["{ auto: { start: 64M, step: 16M } }", "volumes.a.size.auto.limit: "],
    ["{ auto: { start: 64M, step: 16M, limit: 1G, most: 1G } }", "volumes.a.size.auto.most: unknown key"],
    ["{ automatic: { start: 64M } }", "volumes.a.size"],
    ["auto", "volumes.a.size: "],
  ] as const) {
    const faults = faultsOf(volumes(size));
    assert.ok(
      faults.some((fault) => fault.includes(where)),
      `${size}: ${faults.join("; ")}`,
    );
  }
});

test("a schedule that can never begin anything is refused where it stands", () => {
  const scheduled = (schedule: string) => `
remotes: { vault: { host: vault, user: u } }
volumes:
  a: { remote: vault, image: a, size: 64M }
jobs:
  home:
    volume: a
    sources: [/home]
    schedule: ${schedule}
`;
  for (const [schedule, faults] of [
    ['{ cron: "0 0 31 2 *" }', ["agent.yaml:9:23: jobs.home.schedule.cron: never comes: there is no such date"]],
    [
      '{ cron: "@hourly", splay: 2h }',
      ["agent.yaml:9:41: jobs.home.schedule.splay: must not be longer than the shortest time between two starts, 1 h"],
    ],
  ] as const) {
    assert.deepEqual(faultsOf(scheduled(schedule)), faults);
  }
});

test("what a controller may ask for is a closed list, and has its default", () => {
  const controllerOf = (text: string) => parseAgentConfig(text, path).controller;
  const usual = ["status", "log", "backup", "verify", "drill", "check", "cancel", "snapshots"];
  assert.deepEqual(controllerOf("{}"), { allow: usual, addresses: [] });
  assert.deepEqual(controllerOf("controller: { allow: [] }").allow, []);
  assert.deepEqual(
    controllerOf('controller: { allow: [ls, prune], addresses: ["a.example.net:7443", "[2001:db8::1]:1"] }'),
    { allow: ["ls", "prune"], addresses: ["a.example.net:7443", "[2001:db8::1]:1"] },
  );
  const words = "status, log, backup, verify, drill, check, prune, trim, cancel, snapshots, ls";
  const address = 'must be "host:port", such as "backup.example.net:7443"; an IPv6 address in brackets';
  assert.deepEqual(
    faultsOf(`
controller:
  allow: [backups, restore, ls, ls]
  addresses: ["a.example.net", "2001:db8::1:7443", "a:0", "a:65536", "a:1/x", "a:1"]
  addressess: "a:1"
`),
    [
      `agent.yaml:3:11: controller.allow[0]: must be one of ${words}; did you mean "backup"?`,
      `agent.yaml:3:20: controller.allow[1]: must be one of ${words}`,
      "agent.yaml:3:33: controller.allow[3]: is in the list already (entry 3)",
      ...["15", "32", "52", "59", "70"].map(
        (column, index) => `agent.yaml:4:${column}: controller.addresses[${index}]: ${address}`,
      ),
      'agent.yaml:5:3: controller.addressess: unknown key; did you mean "addresses"?',
    ],
  );
});

test("a key comes from a file, a command or a credential, and from one of them", () => {
  const withKey = (key: string) =>
    `remotes: { v: { host: v, user: u } }\nvolumes: { a: { remote: v, image: a, size: 64M, key: ${key} } }`;
  const keyOf = (key: string) => parseAgentConfig(withKey(key), path).volumes.get("a")?.key;
  assert.deepEqual(keyOf("{ command: [/usr/bin/pass, show, home] }"), {
    from: "command",
    argv: ["/usr/bin/pass", "show", "home"],
  });
  assert.deepEqual(keyOf("{ command: /usr/local/bin/key }"), { from: "command", argv: ["/usr/local/bin/key"] });
  assert.deepEqual(keyOf("{ credential: home.key }"), { from: "credential", name: "home.key" });
  for (const [key, fault] of [
    ["{}", /key\.file: must name one of file, command and credential/],
    ["{ file: /k, command: [/bin/k] }", /key\.command: must be one of file and command, not both/],
    ["{ command: [pass] }", /key\.command.*: must be the absolute path of a program/],
    ["{ command: [] }", /key\.command/],
    ["{ credential: ../key }", /key\.credential: must be the name of a systemd credential/],
  ] as const) {
    assert.match(faultsOf(withKey(key)).join("\n"), fault, key);
  }
});

test("two volumes cannot share an image; the same name on two remotes is two images", () => {
  const text = (second: string) => `
remotes: { one: { host: one, user: u }, two: { host: two, user: u } }
volumes:
  a: { remote: one, image: x.luks, size: 64M }
  b: { remote: ${second}, image: x.luks, size: 64M }
`;
  assert.deepEqual(faultsOf(text("one")), ['agent.yaml:5:28: volumes.b.image: is the image of volume "a" already']);
  assert.equal(parseAgentConfig(text("two"), path).volumes.size, 2);
});

test("two jobs may share a volume, and a source may lie inside another", () => {
  const config = parseAgentConfig(
    `${least}  \n`.replace("[/home] }", "[/home, /home/alice] }, etc: { volume: home, sources: [/etc] }"),
    path,
  );
  assert.deepEqual([...config.jobs.keys()], ["home", "etc"]);
});

test("names that lead nowhere in access rules", () => {
  const text = `${least}access:
  - { users: [alice], volumes: [hom, "*"], jobs: [hme], allow: [backup] }
`;
  assert.deepEqual(faultsOf(text), [
    'agent.yaml:6:33: access[0].volumes[0]: there is no volume "hom"; did you mean "home"?',
    'agent.yaml:6:51: access[0].jobs[0]: there is no job "hme"; did you mean "home"?',
  ]);
});

test("rules that would grant nothing", () => {
  const text = `${least}access:
  - { volumes: [home], allow: [backup] }
  - { users: [alice], jobs: [home], allow: [backup, create, doctor] }
  - { users: [alice], allow: [doctor, status] }
  - { users: [alice], volumes: [home], allow: [] }
  - { users: [alice], volumes: [home], allow: [backup, backup, fly] }
`;
  assert.deepEqual(
    faultsOf(text).map((fault) => fault.replace(/one of [a-z, ]+/, "one of ...")),
    [
      "agent.yaml:6:5: access[0]: names neither users nor groups, so it grants nothing to anyone",
      "agent.yaml:7:53: access[1].allow[1]: grants nothing: create is about volumes, and this rule names none",
      "agent.yaml:8:39: access[2].allow[1]: grants nothing: status is about volumes or jobs, and this rule names none",
      "agent.yaml:9:47: access[3].allow: must not be empty",
      "agent.yaml:10:56: access[4].allow[1]: is in the list already (entry 1)",
      "agent.yaml:10:64: access[4].allow[2]: must be one of ...",
    ],
  );
});

test("what stands under a bad name is looked at as well", () => {
  assert.deepEqual(faultsOf("remotes:\n  Vault: { host: a b, user: u }\n"), [
    "agent.yaml:2:3: remotes.Vault: must be 1 to 32 of a-z, 0-9, _ and -, and begin with a letter or a digit",
    "agent.yaml:2:18: remotes.Vault.host: must be a host name or an IP address (IPv6 without brackets and zone)",
  ]);
});
