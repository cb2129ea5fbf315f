/** The command line as a whole: every command, its options and its help. Nothing here talks to the agent. */

import { Command, CommanderError } from "commander";
import { addAccessCommand } from "./commands/access.ts";
import { addAuditCommand } from "./commands/audit.ts";
import { addBackupCommand } from "./commands/backup.ts";
import { addBrowseCommand } from "./commands/browse.ts";
import { addCancelCommand } from "./commands/cancel.ts";
import { addCatCommand } from "./commands/cat.ts";
import { addCompletionCommand } from "./commands/completion.ts";
import { addDiffCommand } from "./commands/diff.ts";
import { addDoctorCommand } from "./commands/doctor.ts";
import { addDrillCommand } from "./commands/drill.ts";
import { addDuCommand } from "./commands/du.ts";
import { addEnrollCommand, addLeaveCommand } from "./commands/enroll.ts";
import { addFindCommand } from "./commands/find.ts";
import { addFleetCommand } from "./commands/fleet.ts";
import { addHelpCommand } from "./commands/help.ts";
import { addJobsCommand } from "./commands/jobs.ts";
import { addKeyCommand } from "./commands/key.ts";
import { addKitCommand } from "./commands/kit.ts";
import { addLogCommand } from "./commands/log.ts";
import { addLsCommand } from "./commands/ls.ts";
import { addPinCommand, addUnpinCommand } from "./commands/pin.ts";
import { addPruneCommand } from "./commands/prune.ts";
import { addRemoteCommand } from "./commands/remote.ts";
import { addRestoreCommand } from "./commands/restore.ts";
import { addRunsCommand } from "./commands/runs.ts";
import { addSnapshotsCommand } from "./commands/snapshots.ts";
import { addStatusCommand } from "./commands/status.ts";
import { addTrimCommand } from "./commands/trim.ts";
import { addVerifyCommand } from "./commands/verify.ts";
import { addVolumeCommand } from "./commands/volume.ts";
import { defaultSocket, type Invocation } from "./invocation.ts";

const firstSteps = `
First steps, when the agent runs:
  luksmith doctor                 is everything there?
  luksmith remote trust vault     pin the host key of the backup host
  luksmith volume create home     make the encrypted volume
  luksmith backup home            back up, and watch
  luksmith snapshots home         what there is to restore
  luksmith restore home --to DIR  get it back

Exit codes:
  0 done  1 failed  2 wrong usage or configuration  3 incomplete: some files could not be read
  10 not found  11 locked  12 wrong key  13 agent or backup host unreachable
  14 tampering or rollback detected  130 cancelled
`;

/** The code that commander's own --version ends with; how it is printed depends on --json. */
export const versionAsked = "commander.version";

/** Columns of help that no terminal shows. */
const plainWidth = 80;

export interface ProgramOutput {
  /** Help that was asked for. */
  out(text: string): void;
  /** Help that was not. */
  err(text: string): void;
  /** How wide they may be; undefined where there is no terminal. */
  outColumns(): number | undefined;
  errColumns(): number | undefined;
}

export function makeProgram(invocation: Invocation, output: ProgramOutput): Command {
  const program = new Command("luksmith")
    .description("Encrypted remote backups that need no trust in the backup host, and no luksmith to restore.")
    .option("-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .option("--json", "print newline-delimited JSON (docs/cli-json.md)")
    .option("--socket <path>", `the agent's socket (default: $LUKSMITH_SOCKET or ${defaultSocket})`)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => output.out(text),
      writeErr: (text) => output.err(text),
      // what commander does by itself here opens both streams of Node
      getOutHelpWidth: () => output.outColumns() ?? plainWidth,
      getErrHelpWidth: () => output.errColumns() ?? plainWidth,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
      // errors are thrown, and said in one place
      outputError: () => undefined,
    })
    .exitOverride()
    .on("option:version", () => {
      throw new CommanderError(0, versionAsked, invocation.version);
    })
    .addHelpText("after", firstSteps);
  addDoctorCommand(program, invocation);
  addRemoteCommand(program, invocation);
  addVolumeCommand(program, invocation);
  addKeyCommand(program, invocation);
  addKitCommand(program, invocation);
  addBackupCommand(program, invocation);
  addSnapshotsCommand(program, invocation);
  addLsCommand(program, invocation);
  addFindCommand(program, invocation);
  addDiffCommand(program, invocation);
  addDuCommand(program, invocation);
  addCatCommand(program, invocation);
  addBrowseCommand(program, invocation);
  addRestoreCommand(program, invocation);
  addVerifyCommand(program, invocation);
  addDrillCommand(program, invocation);
  addPruneCommand(program, invocation);
  addPinCommand(program, invocation);
  addUnpinCommand(program, invocation);
  addTrimCommand(program, invocation);
  addStatusCommand(program, invocation);
  addJobsCommand(program, invocation);
  addRunsCommand(program, invocation);
  addLogCommand(program, invocation);
  addCancelCommand(program, invocation);
  addAccessCommand(program, invocation);
  addAuditCommand(program, invocation);
  addFleetCommand(program, invocation);
  addEnrollCommand(program, invocation);
  addLeaveCommand(program, invocation);
  addCompletionCommand(program, invocation);
  addHelpCommand(program);
  return program;
}
