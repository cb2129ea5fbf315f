import assert from "node:assert/strict";
import { test } from "node:test";
import { parseComplaint, RsyncComplaints } from "../../../agent/tools/rsync-complaints.ts";

interface Row {
  readonly line: string;
  readonly role?: string;
  readonly message: string;
  readonly path?: string;
  readonly errno?: number;
}

const rows: readonly Row[] = [
  {
    line: 'rsync: [sender] send_files failed to open "/home/a/secret": Permission denied (13)',
    role: "sender",
    message: "could not be copied: permission denied",
    path: "/home/a/secret",
    errno: 13,
  },
  {
    line: 'rsync: [sender] link_stat "/nosuch" failed: No such file or directory (2)',
    role: "sender",
    message: "could not be copied: no such file or directory",
    path: "/nosuch",
    errno: 2,
  },
  { line: 'file has vanished: "/home/a/gone"', message: "vanished while it was copied", path: "/home/a/gone" },
  {
    line: 'rsync: [receiver] write failed on "/t/b": No space left on device (28)',
    role: "receiver",
    message: "could not be copied: no space left on device",
    path: "/t/b",
    errno: 28,
  },
  {
    line: 'rsync: [Receiver] mkdir "/t/x" failed: Permission denied (13)',
    role: "Receiver",
    message: "could not be copied: permission denied",
    path: "/t/x",
    errno: 13,
  },
  // names that try to be something else
  {
    line: 'rsync: [sender] send_files failed to open "/h/a"b: c (28)": Permission denied (13)',
    role: "sender",
    message: "could not be copied: permission denied",
    path: '/h/a"b: c (28)',
    errno: 13,
  },
  {
    line: 'rsync: [sender] send_files failed to open "/h/n\\#012rsync: [receiver] x (28)": Permission denied (13)',
    role: "sender",
    message: "could not be copied: permission denied",
    path: "/h/n\nrsync: [receiver] x (28)",
    errno: 13,
  },
  {
    line: 'file has vanished: "/h/x: No space left on device (28)"',
    message: "vanished while it was copied",
    path: "/h/x: No space left on device (28)",
  },
  {
    line: 'file has vanished: "rsync: [receiver] y"',
    message: "vanished while it was copied",
    path: "rsync: [receiver] y",
  },
  {
    line: 'rsync: [sender] send_files failed to open "/h/\\#377": Permission denied (13)',
    role: "sender",
    message: "could not be copied: permission denied",
    path: "/h/\xff",
    errno: 13,
  },
  // no name in it
  {
    line: "rsync: [generator] something odd happened (5)",
    role: "generator",
    message: "something odd happened (5)",
    errno: 5,
  },
  { line: "cannot delete non-empty directory: x", message: "cannot delete non-empty directory: x" },
  { line: 'skipping non-regular file "x"', message: "could not be copied", path: "x" },
];

for (const row of rows) {
  test(row.line, () => {
    const complaint = parseComplaint(Buffer.from(`${row.line}\r`, "latin1"));
    assert.ok(complaint);
    assert.deepEqual(
      { ...complaint, path: complaint.path?.toString("latin1") },
      { role: row.role, message: row.message, path: row.path, errno: row.errno },
    );
  });
}

test("a name in which a file has vanished is still one that could not be read", () => {
  const line = 'rsync: [sender] send_files failed to open "/h/a has vanished": Permission denied (13)';
  assert.equal(parseComplaint(Buffer.from(line))?.message, "could not be copied: permission denied");
});

const summaries = [
  "",
  "   ",
  "rsync error: some files/attrs were not transferred (see previous errors) (code 23) at main.c(1394) [sender=3.5.0]",
  "rsync warning: some files vanished before they could be transferred (code 24) at main.c(1338) [sender=3.2.7]",
  "IO error encountered -- skipping file deletion",
];

for (const line of summaries) {
  test(`says nothing of a file: ${JSON.stringify(line)}`, () => {
    assert.equal(parseComplaint(Buffer.from(line)), undefined);
  });
}

function fault(...lines: string[]) {
  const complaints = new RsyncComplaints(() => undefined);
  for (const line of lines) complaints.push(Buffer.from(`${line}\n`));
  return complaints.destinationFault;
}

test("a destination that fails, told from a source that does", () => {
  const kind = (line: string) => fault(line)?.kind;
  assert.equal(kind('rsync: [receiver] write failed on "/t/b": No space left on device (28)'), "full");
  assert.equal(kind('rsync: [receiver] write failed on "/t/b": Disk quota exceeded (122)'), "full");
  assert.equal(kind('rsync: [generator] recv_generator: mkdir "/t/d" failed: No space left on device (28)'), "full");
  assert.equal(kind('rsync: [generator] readlink_stat("/t/d/x") failed: Bad message (74)'), "damaged");
  assert.equal(kind('rsync: [receiver] mkstemp "/t/d/.x" failed: Structure needs cleaning (117)'), "damaged");
  assert.deepEqual(fault('rsync: [receiver] mkstemp "/t/.b.x" failed: Read-only file system (30)'), {
    kind: "broken",
    said: "could not be copied: read-only file system",
  });
  assert.deepEqual(fault('rsync: [receiver] write failed on "/t/b": Input/output error (5)'), {
    kind: "broken",
    said: "could not be copied: input/output error",
  });
  // one bad file of the source, or one that may not be written
  assert.equal(fault('rsync: [sender] read errors mapping "/h/a": Input/output error (5)'), undefined);
  assert.equal(fault('rsync: [sender] send_files failed to open "/h/x": No space left on device (28)'), undefined);
  assert.equal(fault('rsync: [receiver] mkstemp "/t/.b.x" failed: Permission denied (13)'), undefined);
  assert.equal(fault('file has vanished: "rsync: [receiver] y": No space left on device (28)'), undefined);
});

test("the graver fault counts, whichever was said first", () => {
  const full = 'rsync: [receiver] write failed on "/t/b": No space left on device (28)';
  const damaged = 'rsync: [generator] readlink_stat("/t/d") failed: Structure needs cleaning (117)';
  const broken = 'rsync: [receiver] write failed on "/t/b": Read-only file system (30)';
  for (const lines of [
    [broken, full],
    [full, broken],
    [damaged, full],
  ])
    assert.equal(fault(...lines)?.kind, "full");
  for (const lines of [
    [broken, damaged],
    [damaged, broken],
  ])
    assert.equal(fault(...lines)?.kind, "damaged");
});

test("complaints come one by one, however the chunks are cut, the last without its newline", () => {
  const text = `${rows.map((row) => row.line).join("\n")}\n${summaries[2]}\n${rows[0]?.line}`;
  for (const size of [1, 7, 4096]) {
    const seen: string[] = [];
    const complaints = new RsyncComplaints((_, path) => seen.push(path?.toString("latin1") ?? ""));
    const bytes = Buffer.from(text, "latin1");
    for (let at = 0; at < bytes.length; at += size) complaints.push(bytes.subarray(at, at + size));
    complaints.flush();
    assert.deepEqual(
      seen,
      [...rows, rows[0]].map((row) => row?.path ?? ""),
    );
  }
});
