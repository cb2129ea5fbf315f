/** The scripts that make a shell ask us for completions. */

import tab from "@bomb.sh/tab";
import type { Terminal } from "../terminal.ts";
import { bashScript } from "./bash-script.ts";

export type Shell = "bash" | "zsh" | "fish";

export function printCompletionScript(shell: Shell, terminal: Terminal): void {
  if (shell === "bash") terminal.out(bashScript);
  else tab.setup("luksmith", "luksmith", shell);
}
