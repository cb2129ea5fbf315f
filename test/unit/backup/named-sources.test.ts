import assert from "node:assert/strict";
import { test } from "node:test";
import { requireNamable } from "../../../agent/backup/named-sources.ts";
import { LuksmithError } from "../../../common/errors.ts";

const job = { name: "mine", user: "alice", sourcesBelow: ["/home/alice", "/srv/own"] };
const bytes = (...paths: string[]) => paths.map((path) => Buffer.from(path));

test("what lies below the directories, or is one of them, may be named", () => {
  assert.deepEqual(requireNamable(job, []), []);
  const named = requireNamable(
    job,
    bytes("/home/alice/a", "/srv/own", "/home/alice//b/", "/home/alice/./c", "/home/alice/-x:y"),
  );
  assert.deepEqual(named, ["/home/alice/a", "/srv/own", "/home/alice/b", "/home/alice/c", "/home/alice/-x:y"]);
  assert.deepEqual(requireNamable({ ...job, sourcesBelow: ["/"] }, bytes("/", "/etc")), ["/"]);
});

test("none twice, and none inside another", () => {
  const named = requireNamable(job, bytes("/home/alice/a/b", "/home/alice/a", "/home/alice/a", "/home/alice/ab"));
  assert.deepEqual(named, ["/home/alice/a", "/home/alice/ab"]);
});

const refused: readonly (readonly [string, Parameters<typeof requireNamable>, RegExp])[] = [
  [
    "a job of root's",
    [{ ...job, user: undefined }, bytes("/home/alice")],
    /that the configuration names, and no others/,
  ],
  ["a job without a choice", [{ ...job, sourcesBelow: [] }, bytes("/home/alice")], /that the configuration names/],
  ["a relative path", [job, bytes("home/alice")], /must be an absolute path/],
  ["an option", [job, bytes("--rsh=sh")], /must be an absolute path/],
  ["nothing", [job, bytes("")], /must be an absolute path/],
  ["a way up", [job, bytes("/home/alice/../bob")], /must not contain "\.\."/],
  ["a line break", [job, bytes("/home/alice/a\nb")], /control characters/],
  ["a NUL", [job, bytes("/home/alice/a\0b")], /control characters/],
  ["what is no text", [job, [Buffer.from([0x2f, 0xff])]], /must be plain text/],
  ["another's directory", [job, bytes("/home/bob")], /"\/home\/bob" is not in what alice may name for job mine/],
  ["a name that begins the same", [job, bytes("/home/alice2")], /is not in what alice may name/],
  ["what is above", [job, bytes("/home")], /is not in what alice may name/],
  ["processes", [job, bytes("/proc/self/cwd")], /is not in what alice may name/],
  ["one of several", [job, bytes("/home/alice", "/etc")], /"\/etc" is not in what/],
  ["too many", [job, bytes(...Array.from({ length: 101 }, (_, at) => `/home/alice/${at}`))], /too many sources/],
  [
    "too long",
    [job, bytes(...Array.from({ length: 20 }, () => `/home/alice/${"x".repeat(4000)}`))],
    /too many sources/,
  ],
];

for (const [what, [of, paths], message] of refused) {
  test(`${what} cannot be named`, () => {
    assert.throws(
      () => requireNamable(of, paths),
      (error) => error instanceof LuksmithError && error.code === "usage" && message.test(error.message),
    );
  });
}
