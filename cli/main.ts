#!/usr/bin/env node
/** The program `luksmith`: wires the command line to the terminal, and decides nothing else. */

import { CommanderError } from "commander";
import { LuksmithError } from "../common/errors.ts";
import { version } from "../common/version.ts";
import type { Invocation } from "./invocation.ts";
import { makeProgram, versionAsked } from "./program.ts";
import { report } from "./report.ts";
import { StandardStream } from "./standard-stream.ts";
import { Terminal } from "./terminal.ts";
import { usageError } from "./usage-error.ts";

async function main(args: readonly string[]): Promise<number> {
  const stdout = new StandardStream(1, (error) => outputFailed(error, terminal));
  // with nobody left to tell, the exit code is what remains
  const stderr = new StandardStream(2, () => undefined);
  const terminal = new Terminal(stdout, stderr, process.env);
  const invocation: Invocation = { terminal, version, environment: process.env };
  const options = args.includes("--") ? args.slice(0, args.indexOf("--")) : args;
  const json = options.includes("--json");
  const debug = (process.env.LUKSMITH_DEBUG ?? "") !== "";
  process.on("uncaughtException", (error) => {
    void report(terminal, error, { json, debug }).then(
      (exitCode) => process.exit(exitCode),
      // it can be told no further
      () => process.exit(1),
    );
  });
  // what errors are told with is there before anything can go wrong, even if a newer version is installed meanwhile
  if (json) await import("./json.ts");

  const help = {
    out: (text: string) => terminal.out(text),
    err: (text: string) => terminal.errLine(text.trimEnd()),
    outColumns: () => stdout.columns,
    errColumns: () => stderr.columns,
  };
  const program = makeProgram(invocation, help);
  try {
    if (args[0] === "complete" && args[1] === "--") {
      const { complete } = await import("./completion/complete.ts");
      await complete(program, invocation, args.slice(2));
    } else await program.parseAsync(args, { from: "user" });
    return 0;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) return report(terminal, thrown, { json, debug });
    if (thrown.code === versionAsked) {
      terminal.outLine(json ? await versionLine() : version);
    }
    // help and version are no errors, though commander throws them
    if (thrown.exitCode === 0) return 0;
    // help that nobody asked for: no command was named
    if (thrown.code === "commander.help" && !json) return 2;
    return report(terminal, usageError(thrown, program, args), { json, debug });
  }
}

async function versionLine(): Promise<string> {
  const { jsonLine, versionJson } = await import("./json.ts");
  return jsonLine(versionJson(version));
}

/** `luksmith ls home | head`: the reader has had enough, which is no fault. Source: signal(7), SIGPIPE is 13. */
function outputFailed(error: Error, terminal: Terminal): never {
  if ("code" in error && error.code === "EPIPE") {
    terminal.clear();
    process.exit(128 + 13);
  }
  throw new LuksmithError("tool_failed", `could not write the output: ${error.message}`, { cause: error });
}

process.exitCode = await main(process.argv.slice(2));
