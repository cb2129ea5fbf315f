import assert from "node:assert/strict";
import { it } from "node:test";
import { addAudit, listAudit, removeAudit } from "../../../../controller/store/audit.ts";
import { eachStore } from "../harness/each-store.ts";

const line = { operator: "olga", action: "dispatch", target: "", allowed: true, detail: "" };

eachStore("the audit", (stores) => {
  it("is read newest first, by operator and since when", async () => {
    const { database } = await stores.open();
    await addAudit(database, { ...line, timeMs: 1, target: "a" });
    await addAudit(database, { ...line, timeMs: 3, target: "c", allowed: false, detail: "why" });
    await addAudit(database, { ...line, timeMs: 2, target: "b", operator: "root" });
    const targets = async (filter: { operator?: string; sinceMs?: number; limit?: number }) =>
      (await listAudit(database, { operator: undefined, sinceMs: undefined, limit: 10, ...filter })).map(
        ({ target }) => target,
      );
    assert.deepEqual(await targets({}), ["c", "b", "a"]);
    assert.deepEqual(await targets({ limit: 1 }), ["c"]);
    assert.deepEqual(await targets({ operator: "olga", sinceMs: 2 }), ["c"]);
    const [newest] = await listAudit(database, { operator: undefined, sinceMs: undefined, limit: 1 });
    assert.deepEqual(newest, { ...line, timeMs: 3, target: "c", allowed: false, detail: "why" });
    await removeAudit(database, 3);
    assert.deepEqual(await targets({}), ["c"]);
  });

  it("takes any text, and no more of it than tells somebody something", async () => {
    const { database } = await stores.open();
    const target = `a\0\ud800${"x".repeat(10_000)}`;
    await addAudit(database, { ...line, timeMs: 1, target, detail: `${"y".repeat(499)}💾` });
    const [found] = await listAudit(database, { operator: undefined, sinceMs: undefined, limit: 1 });
    assert.equal(found?.target.length, 500);
    assert.match(found?.target ?? "", /^a\u{fffd}\u{fffd}x+$/u);
    assert.equal(found?.detail.at(-1), "\u{fffd}");
  });
});
