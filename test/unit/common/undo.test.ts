import assert from "node:assert/strict";
import { test } from "node:test";
import { LuksmithError } from "../../../common/errors.ts";
import { ReleaseError, UndoStack } from "../../../common/undo.ts";

function recorder() {
  const calls: string[] = [];
  const release = (name: string, error?: unknown) => async () => {
    calls.push(name);
    if (error !== undefined) throw error;
  };
  return { calls, release };
}

test("newest first, one after the other", async () => {
  const undo = new UndoStack();
  const calls: string[] = [];
  for (const name of ["a", "b", "c"]) {
    undo.add(name, async () => {
      calls.push(`${name} begins`);
      await new Promise((resolve) => setImmediate(resolve));
      calls.push(`${name} ends`);
    });
  }
  await undo.unwind();
  assert.deepEqual(calls, ["c begins", "c ends", "b begins", "b ends", "a begins", "a ends"]);
});

test("all run, whatever fails, and every failure is named", async () => {
  const { calls, release } = recorder();
  const undo = new UndoStack();
  const busy = new LuksmithError("tool_failed", "umount failed: busy");
  undo.add("unmount", release("unmount", busy));
  undo.add("close", release("close"));
  undo.add("detach", release("detach", "a text"));
  undo.add("throws at once", () => {
    calls.push("throws at once");
    throw new RangeError("now");
  });
  await assert.rejects(undo.unwind(), (error) => {
    assert.ok(error instanceof ReleaseError);
    assert.equal(error.code, "tool_failed");
    assert.equal(
      error.message,
      "could not undo everything: throws at once: now; detach: a text; unmount: umount failed: busy",
    );
    assert.deepEqual(
      error.failures.map(({ name }) => name),
      ["throws at once", "detach", "unmount"],
    );
    return true;
  });
  assert.deepEqual(calls, ["throws at once", "detach", "close", "unmount"]);
});

test("nothing is undone twice", async () => {
  const { calls, release } = recorder();
  const undo = new UndoStack();
  undo.add("a", release("a"));
  undo.add("b", release("b", new Error("x")));
  await assert.rejects(undo.unwind(), ReleaseError);
  await undo.unwind();
  assert.deepEqual(calls, ["b", "a"]);
});

test("what a release registers is undone as well", async () => {
  const { calls, release } = recorder();
  const undo = new UndoStack();
  undo.add("a", release("a"));
  undo.add("b", async () => undo.add("late", release("late")));
  await undo.unwind();
  assert.deepEqual(calls, ["late", "a"]);
});

test("the end of a block undoes", async () => {
  const { calls, release } = recorder();
  const work = async () => {
    await using undo = new UndoStack();
    undo.add("a", release("a"));
    calls.push("work");
    throw new RangeError("work failed");
  };
  await assert.rejects(work(), RangeError);
  assert.deepEqual(calls, ["work", "a"]);
});

test("a failure in the block and one in undoing it are both known", async () => {
  const { release } = recorder();
  const work = async () => {
    await using undo = new UndoStack();
    undo.add("a", release("a", new Error("busy")));
    throw new RangeError("work failed");
  };
  await assert.rejects(work(), (error) => {
    assert.ok(error instanceof SuppressedError);
    assert.ok(error.error instanceof ReleaseError);
    assert.ok(error.suppressed instanceof RangeError);
    return true;
  });
});

test("each release runs through what the caller puts around it", async () => {
  const { calls, release } = recorder();
  const undo = new UndoStack(async ({ name, run }) => {
    calls.push(`before ${name}`);
    await run();
  });
  undo.add("a", release("a"));
  undo.add("b", release("b"));
  await undo.unwind();
  assert.deepEqual(calls, ["before b", "b", "before a", "a"]);
});
