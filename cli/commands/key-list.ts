import type { Command } from "commander";
import { addExamples } from "../help-text.ts";
import { type Invocation, withSession } from "../invocation.ts";
import { volumeName } from "../names.ts";

export function addKeyListCommand(key: Command, invocation: Invocation): void {
  const command = key
    .command("list")
    .summary("which key slots a volume has")
    .description(
      "Lists the key slots of VOLUME by its pinned header, and finds out which of them the agent's own key opens.",
    )
    .argument("<volume>", "the volume", volumeName)
    .action((volume: string, _options: object, self: Command) =>
      withSession(invocation, self, async (session) => {
        const { showKeys } = await import("../show/keys.ts");
        await showKeys(session, volume);
      }),
    );
  addExamples(command, [["luksmith key list home", "which slots the volume home has"]]);
}
