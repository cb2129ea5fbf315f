import assert from "node:assert/strict";
import { test } from "node:test";
import { parseAgentConfig } from "../../../agent/config/agent-config.ts";
import { faultsOf } from "./faults.ts";

/** A whole configuration with one text in one place; JSON is YAML. */
function configWith(place: Place, text: string): string {
  const remote = { host: "vault", user: "u", path: "images", identity: "/k" };
  const volume = { remote: "r", image: "i", size: "64M", key: { file: "/k" } };
  const job = { volume: "v", sources: ["/home"], exclude: ["x"], before: [["/bin/x", "a"]] };
  const rule = { users: ["alice"], groups: ["wheel"], volumes: ["*"], allow: ["backup"] };
  const config = {
    socket: { path: "/run/l/agent.sock", group: "luksmith" },
    stateDir: "/var/lib/l",
    runtimeDir: "/run/l",
    remotes: { r: remote },
    volumes: { v: volume },
    jobs: { j: job },
    access: [rule],
  };
  const put: Record<Place, object> = {
    remote: { remotes: { [text]: remote, r: remote } },
    volume: { volumes: { [text]: { ...volume, image: "other" }, v: volume } },
    job: { jobs: { [text]: job } },
    host: { remotes: { r: { ...remote, host: text } } },
    user: { remotes: { r: { ...remote, user: text } } },
    "remote path": { remotes: { r: { ...remote, path: text } } },
    identity: { remotes: { r: { ...remote, identity: text } } },
    image: { volumes: { v: { ...volume, image: text } } },
    size: { volumes: { v: { ...volume, size: text } } },
    "key file": { volumes: { v: { ...volume, key: { file: text } } } },
    source: { jobs: { j: { ...job, sources: [text] } } },
    exclude: { jobs: { j: { ...job, exclude: [text] } } },
    program: { jobs: { j: { ...job, before: [text] } } },
    "program of a list": { jobs: { j: { ...job, after: [[text, "a"]] } } },
    argument: { jobs: { j: { ...job, before: [["/bin/x", text]] } } },
    timeout: { jobs: { j: { ...job, hookTimeout: text } } },
    limit: { jobs: { j: { ...job, bandwidthLimit: text } } },
    "rule user": { access: [{ ...rule, users: [text] }] },
    "rule group": { access: [{ ...rule, groups: [text] }] },
    "socket group": { socket: { group: text } },
    "socket path": { socket: { path: text } },
    "state directory": { stateDir: text },
  };
  return JSON.stringify({ ...config, ...put[place] });
}

type Place =
  | "remote"
  | "volume"
  | "job"
  | "host"
  | "user"
  | "remote path"
  | "identity"
  | "image"
  | "size"
  | "key file"
  | "source"
  | "exclude"
  | "program"
  | "program of a list"
  | "argument"
  | "timeout"
  | "limit"
  | "rule user"
  | "rule group"
  | "socket group"
  | "socket path"
  | "state directory";

const badNames = [
  "",
  "-a",
  ".a",
  "_a",
  "a.b",
  "a/b",
  "a:b",
  "a b",
  "a\nb",
  "A",
  "ä",
  "..",
  "lost+found",
  "a".repeat(33),
];
const badPaths = ["", "a", "a/b", "./a", "~/a", "-a", "/a/../b", "/..", "/a\nb", "/a\u0000b", "/a\u0085b", "/a\u2028b"];
const badPlainPaths = [...badPaths, "/a b", "/a%b", '/a"b', "/a,b", "/a:b", "/a\\b", "/a$b", "/ä"];
const badAccounts = ["", "-a", " a", "a ", "a:b", "a,b", "a/b", "a\nb", "12", "*", "a\u202eb", "a".repeat(129)];

const refused: readonly (readonly [Place, readonly string[]])[] = [
  ["remote", badNames],
  ["volume", badNames],
  ["job", badNames],
  [
    "host",
    [
      "",
      "-a",
      "a-",
      "a b",
      "a\nProxyCommand x",
      "a@b",
      "a:22",
      "a/b",
      "a..b",
      ".a",
      "a.",
      "[::1]",
      "fe80::1%eth0",
      "a;b",
      "*",
      "ä",
      "a".repeat(64),
    ],
  ],
  ["user", ["", "-a", ".a", "a b", "a@b", "a\nb", "a:b", "a/b", '"a"', "a%h", "a".repeat(65)]],
  ["remote path", ["", "-a", "~/a", "~a", "..", "a/../b", "../a", "a\nb", "a\u0000b", `/${"a".repeat(4096)}`]],
  ["identity", badPlainPaths],
  ["image", ["", "-a", ".a", "..", "a/b", "/a", "a:b", "a b", "a\nb", "a\\b", "a,b", "ä", "a".repeat(201)]],
  ["size", ["", "1", "63M", "64Mb", "64 MB/s", "-64M", "64,0M", "67108865", "1e9", "0x4000000", "infinity"]],
  ["key file", badPaths],
  ["source", badPaths],
  ["exclude", ["", "+ a", "- a", "+_a", "!", "a\nb", "a\u0000b"]],
  ["program", [...badPaths, "echo hi", "sh -c x"]],
  ["program of a list", [...badPaths, "echo"]],
  ["argument", ["a\u0000b"]],
  ["timeout", ["", "10", "0s", "999ms", "8d", "1y", "-5s", "1.5h", "5 minutes"]],
  ["limit", ["", "0", "1023", "5M/s", "-1K", "fast"]],
  ["rule user", badAccounts],
  ["rule group", badAccounts],
  ["socket group", badAccounts],
  ["socket path", [...badPlainPaths, `/${"a".repeat(107)}`]],
  ["state directory", badPlainPaths],
];

const accepted: readonly (readonly [Place, readonly string[]])[] = [
  ["remote", ["a", "0", "vault-2_b", "a".repeat(32)]],
  ["volume", ["a", "2024"]],
  ["job", ["a", "null", "true"]],
  ["host", ["a", "vault.example.net", "VAULT", "10.0.0.1", "::1", "2001:db8::1", "a_b.lan", "xn--bcher-kva.example"]],
  ["user", ["a", "u123456-sub1", "12345s", "_x", "a.b"]],
  ["remote path", [".", "images", "/srv/images", "a b", "bücher", "a:b"]],
  ["image", ["a", "home.luks", "_a", "a-b+c.luks", "a".repeat(200)]],
  ["size", ["64M", "67108864", "64 MiB", "0.5G", "200G", "1T"]],
  ["source", ["/", "/a b", "/a:b", "/-a", "/a'b", "/bücher", "/a/...", "/~"]],
  ["exclude", ["*.tmp", "-a", "+a", "!a", "# a", "; a", "/a/***", " "]],
  ["program", ["/bin/x", "/opt/my programs/x"]],
  ["argument", ["", "-a", "a\nb", "$(reboot)", "ä"]],
  ["timeout", ["1s", "90s", "1h30m", "7d"]],
  ["limit", ["1K", "1024", "5M", "1.5M"]],
  ["rule user", ["alice", "_apt", "www-data", "EXAMPLE\\alice", "alice@example.net", "alice smith", "müller", "a1$"]],
  ["socket path", ["/run/l/agent.sock", `/${"a".repeat(106)}`]],
];

for (const [place, texts] of refused) {
  test(`${place}: what is refused`, () => {
    for (const text of texts) {
      const faults = faultsOf(configWith(place, text));
      // on a line of its own, with the place in front, whatever the text was
      for (const fault of faults) assert.match(fault, /^agent\.yaml:1:\d+: [a-z]+[^\n]*: /u, JSON.stringify(text));
    }
  });
}

for (const [place, texts] of accepted) {
  test(`${place}: what is accepted`, () => {
    for (const text of texts) assert.ok(parseAgentConfig(configWith(place, text), "agent.yaml"), JSON.stringify(text));
  });
}
