import { Argument, type Command } from "commander";
import type { Shell } from "../completion/script.ts";
import { addExamples, groups } from "../help-text.ts";
import type { Invocation } from "../invocation.ts";

export function addCompletionCommand(program: Command, invocation: Invocation): void {
  const command = program
    .command("completion")
    .helpGroup(groups.more)
    .summary("completion for bash, zsh or fish")
    .description("Prints a script that makes the shell complete commands, options, jobs, volumes, runs and snapshots.")
    .addArgument(new Argument("<shell>", "for which shell").choices(["bash", "zsh", "fish"]))
    .action(async (shell: Shell) => {
      const { printCompletionScript } = await import("../completion/script.ts");
      printCompletionScript(shell, invocation.terminal);
    });
  addExamples(command, [
    ["luksmith completion bash | sudo tee /etc/bash_completion.d/luksmith", "for every user of bash"],
    ["luksmith completion zsh > ~/.zsh/completions/_luksmith", "a directory that is in $fpath"],
    ["luksmith completion fish > ~/.config/fish/completions/luksmith.fish", "for fish"],
  ]);
}
