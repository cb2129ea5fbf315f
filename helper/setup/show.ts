/** A step to the letter: what a dry run is read for. Pure. */

import { escapeControls } from "../../common/quote.ts";
import { diffLines } from "./diff.ts";
import type { Action, Step } from "./step.ts";

export function detailOf({ action }: Step): string[] {
  return rawDetail(action).map(escapeControls);
}

function rawDetail(action: Action): string[] {
  switch (action.kind) {
    case "nothing":
      return [];
    case "file":
      return [
        ...(action.check === "sudo" ? ["$ visudo --check (of this content, before it is put there)"] : []),
        `write ${action.path} (${octal(action.mode)})`,
        ...diffLines(action.before ?? "", action.content),
        ...(action.check === "sshd"
          ? ["$ sshd -t; sshd -T (when it is not as it should be, the file goes again)"]
          : []),
      ];
    case "copy":
      return [`copy ${action.from} to ${action.path} (${octal(action.mode)})`];
    case "directory":
      return [`mkdir ${action.path} (${octal(action.mode)}, of ${action.owner ?? "root"})`];
    case "own":
      return [`chown ${action.owner}: ${action.path}`, `chmod ${octal(action.mode)} ${action.path}`];
    case "remove":
      return [`rm ${action.path}`];
    case "remove-directory":
      return [`rmdir ${action.path}`];
    case "command": {
      const settings = Object.entries(action.env ?? {}).map(([name, value]) => `${name}=${value}`);
      const as = action.asUser === undefined ? "" : ` (as ${action.asUser})`;
      return [`$ ${[...settings, ...action.argv].map(shellWord).join(" ")}${as}`];
    }
  }
}

function octal(mode: number): string {
  return mode.toString(8).padStart(4, "0");
}

/** As one would type it. */
function shellWord(word: string): string {
  return /^[A-Za-z0-9/_.,:=@+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
