import assert from "node:assert/strict";
import { it } from "node:test";
import { helperCommand } from "../../../helper/command.ts";

it("sets a host up that has no configuration yet, for an administrator who came by sudo", async () => {
  const before = process.env.SUDO_USER;
  process.env.SUDO_USER = "alice";
  try {
    const command = (...words: string[]) =>
      helperCommand(["node", "helper", "--config", "/nonexistent.yaml", ...words]);
    // it gets as far as the request, which is none
    const code = process.getuid?.() === 0 ? "usage" : "denied";
    await assert.rejects(command("setup", "--request", "/dev/null", "--dry-run"), { code });
    await assert.rejects(command("check-config"), { code: "config" });
  } finally {
    if (before === undefined) delete process.env.SUDO_USER;
    else process.env.SUDO_USER = before;
  }
});
