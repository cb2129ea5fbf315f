import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { type SetupRequestInput, setupRequestSchema } from "../../../../common/setup-request.ts";
import type { Found } from "../../../../helper/setup/observe/found.ts";
import { placeOf } from "../../../../helper/setup/place.ts";
import { planSetup } from "../../../../helper/setup/plan/setup.ts";
import { requireAdministrator } from "../../../../helper/setup/plan/user.ts";
import type { Plan } from "../../../../helper/setup/step.ts";
import { after, deeds, publicKey, rootsDirectory, sampleFound, textFile } from "./found.ts";

const machine = "lm-web01";
const directory = `/srv/luksmith/${machine}`;

function plan(found: Found, more: Partial<SetupRequestInput> = {}): Plan {
  const request = setupRequestSchema.parse({ machine, path: "images", publicKey, ...more });
  return planSetup(found, request, placeOf(request, found.user));
}

describe("the plan of a setup", () => {
  it("confines before it lets in: the key is the last thing to be made", () => {
    const made = deeds(plan(sampleFound()));
    const order = [
      "useradd --user-group",
      `directory ${directory}`,
      "copy /usr/local/lib/luksmith/helper-gate",
      "file /etc/luksmith/helper.yaml",
      `file /etc/ssh/sshd_config.d/luksmith-${machine}.conf`,
      "systemctl reload",
      `file /etc/sudoers.d/luksmith-${machine}`,
      `file /etc/ssh/luksmith/${machine}`,
    ];
    assert.deepEqual(
      made.filter((deed) => order.includes(deed)),
      order,
    );
    assert.equal(made.at(-1), order.at(-1));
  });

  const requests: [name: string, found: Partial<Found>, request: Partial<SetupRequestInput>][] = [
    ["the plain one", {}, {}],
    ["one with all there is", {}, { direct: { from: "192.0.2.7", to: "192.0.2.1" }, checkpoints: "/srv/checkpoints" }],
    [
      "one on a host without systemd",
      { systemd: false, sshd: { pid: 77 } },
      { direct: { from: "192.0.2.7", to: "192.0.2.1" } },
    ],
    ["one where everything has to be installed", { packages: new Set() }, {}],
  ];
  for (const [name, host, request] of requests) {
    it(`has nothing to do a second time: ${name}`, () => {
      const found = sampleFound(host);
      const second = plan(after(found, plan(found, request)), request);
      assert.deepEqual(deeds(second), []);
    });
  }

  it("registers all that it makes", () => {
    const { steps } = plan(sampleFound());
    // what is in the state directory goes with the list itself
    const silent = steps.filter(
      ({ looks, registers, strikes }) => looks !== true && registers === undefined && strikes === undefined,
    );
    assert.deepEqual(
      silent.map(({ says }) => says),
      ["make the directory /var/lib/luksmith-helper"],
    );
  });

  it("makes up for a reload that an earlier setup did not come to", () => {
    const done = after(sampleFound(), plan(sampleFound()));
    const cut = {
      ...done,
      manifest: { ...done.manifest, made: [...done.manifest.made, { what: "unread", of: null } as const] },
    };
    assert.deepEqual(deeds(plan(cut)), ["systemctl reload"]);
  });

  it("has a place to write down what it makes before it makes anything", () => {
    assert.equal(deeds(plan(sampleFound({ packages: new Set() })))[0], "directory /var/lib/luksmith-helper");
  });

  it("keeps nbd-server's own service from starting, unless somebody has it already", () => {
    assert.ok(deeds(plan(sampleFound({ packages: new Set() }))).includes("systemctl mask"));
    assert.ok(!deeds(plan(sampleFound())).includes("systemctl mask"));
  });

  const account = { uid: 1001, gid: 1001, home: "/home/lm-web01", shell: "/usr/sbin/nologin" };
  const homes: Found["directories"] = new Map([
    ["/home", rootsDirectory(machine)],
    [account.home, { mode: 0o755, uid: 1001, names: ["images"] }],
    [`${account.home}/images`, { mode: 0o700, uid: 1001, names: ["home.luks"] }],
  ]);

  it("takes a user over only when told to, with its home, and gives it a shell that can start the gate", () => {
    assert.throws(() => plan(sampleFound({ user: account, directories: homes })), {
      code: "refused",
      message: /there is a user lm-web01/,
    });
    const adopted = plan(sampleFound({ user: account, directories: homes }), { adoptUser: true });
    const made = deeds(adopted);
    assert.ok(made.includes("usermod --shell") && made.includes(`own ${account.home}`), made.join("\n"));
    assert.ok(!made.includes(`own ${account.home}/images`));
    const gate = adopted.steps.find(({ action }) => action.kind === "file" && action.path.endsWith(".conf"));
    assert.match(JSON.stringify(gate?.action), /helper-gate \/home\/lm-web01\\n/);
  });

  const refusals: [name: string, found: Partial<Found>, request: Partial<SetupRequestInput>, code: string][] = [
    [
      "a user that is root by another name",
      { user: { ...account, uid: 0 } },
      { adoptUser: true, directory: "/srv/a" },
      "refused",
    ],
    [
      "a way that somebody else may alter",
      { directories: new Map([["/srv", { mode: 0o777, uid: 0, names: [] }]]) },
      {},
      "refused",
    ],
    [
      "a way that is somebody else's",
      { directories: new Map([["/srv", { mode: 0o755, uid: 7, names: [] }]]) },
      {},
      "refused",
    ],
    ["a symbolic link on the way", { others: new Set(["/srv/luksmith"]) }, {}, "refused"],
    ["a symbolic link in its place", { others: new Set([directory]) }, {}, "refused"],
    [
      "a directory with somebody else's files",
      { directories: new Map([[directory, { mode: 0o700, uid: 7, names: ["a"] }]]) },
      {},
      "refused",
    ],
    ["a directory of root's that is full", { directories: new Map([[directory, rootsDirectory("a")]]) }, {}, "refused"],
    ["the system's directories", {}, { directory: "/etc/luksmith" }, "usage"],
    ["the root", {}, { directory: "/" }, "usage"],
    ["the whole storage", {}, { directory: "/srv" }, "usage"],
    ["what is gone at the next boot", {}, { directory: "/run/images" }, "usage"],
    ["images outside the directory", {}, { path: "/srv/a", directory: "/srv/b/c" }, "usage"],
    ["checkpoints inside the directory", {}, { checkpoints: `${directory}/checkpoints` }, "config"],
    ["the directory inside the checkpoints", {}, { checkpoints: "/srv/luksmith" }, "config"],
    [
      "a helper.yaml that is not in order",
      { files: new Map([["/etc/luksmith/helper.yaml", textFile("machines: 7\n")]]) },
      {},
      "config",
    ],
    [
      "a runtime directory that the gate does not know",
      {
        files: new Map([
          ["/etc/luksmith/helper.yaml", textFile("machines: { a: { directory: /srv/a } }\nruntimeDir: /run/x\n")],
        ]),
      },
      {},
      "refused",
    ],
    [
      "something in the place of a file",
      { directories: new Map([["/usr/local/sbin/luksmith-helper", rootsDirectory()]]) },
      {},
      "refused",
    ],
  ];
  for (const [name, found, request, code] of refusals) {
    it(`refuses ${name}`, () => {
      assert.throws(() => plan(sampleFound(found), request), { code });
    });
  }

  it("says when nothing keeps the machine from filling the storage, and sets a quota where one can be", () => {
    assert.match(plan(sampleFound(), { quotaBytes: 2 ** 30 }).notes.join(), /no quota is set: .*does not count/);
    const counted = sampleFound({ quota: { kind: "user", mount: "/srv", limitBytes: undefined } });
    const limited = plan(counted, { quotaBytes: 2 ** 30 });
    assert.ok(
      limited.steps.some(
        ({ action }) =>
          action.kind === "command" && action.argv.join(" ") === `setquota -u ${machine} 0 1048576 0 0 /srv`,
      ),
    );
    assert.ok(
      limited.steps.some(({ action }) => action.kind === "command" && action.argv.includes("quota")),
      "its package",
    );
    const btrfs = sampleFound({ quota: { kind: "btrfs", mount: "/srv", limitBytes: undefined, isSubvolume: false } });
    const made = deeds(plan(btrfs, { quotaBytes: 2 ** 30 }));
    assert.ok(made.indexOf("btrfs subvolume") < made.indexOf("btrfs qgroup") && made.includes("btrfs subvolume"));
  });

  it("is not for a machine to ask for", () => {
    const found = after(sampleFound(), plan(sampleFound()));
    assert.throws(() => requireAdministrator(found, machine, []), { code: "denied" });
    assert.throws(() => requireAdministrator(sampleFound(), "lm-two", ["lm-two"]), { code: "denied" });
    requireAdministrator(found, "alice", [machine]);
    requireAdministrator(found, "", [machine]);
  });
});

describe("a setup request", () => {
  const bad: [name: string, change: Record<string, unknown>][] = [
    ["root", { machine: "root" }],
    ["a name with a line break", { machine: "a\nb" }],
    ["a name that is an option", { machine: "-a" }],
    ["a key with options in front", { publicKey: `no-pty ${publicKey}` }],
    ["two keys", { publicKey: `${publicKey}\n${publicKey}` }],
    ["a key with a quote", { publicKey: `${publicKey} "a` }],
    ["no key", { publicKey: "" }],
    ["a path upwards", { path: "../x" }],
    ["a directory with a blank", { directory: "/srv/a b" }],
    ["a directory with a quote", { directory: '/srv/a"b' }],
    ["a directory that is relative", { directory: "srv/a" }],
    ["a wire that is no address", { direct: { from: "everywhere", to: "192.0.2.1" } }],
    ["what nobody knows", { shell: "/bin/bash" }],
  ];
  it("is the same for a key with its comment", () => {
    const commented = setupRequestSchema.parse({ machine, publicKey: `${publicKey} luksmith@web01` });
    assert.equal(commented.publicKey, publicKey);
  });

  for (const [name, change] of bad) {
    it(`refuses ${name}`, () => {
      assert.ok(!setupRequestSchema.safeParse({ machine, path: "images", publicKey, ...change }).success);
    });
  }
});
