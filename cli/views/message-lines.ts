/** The events that stay on the screen whatever shows the progress: what was done to files, warnings, notes. */

import { escapeControls } from "../../common/quote.ts";
import type { RunEvent } from "../../proto/gen/luksmith/v1/types.ts";
import { eventText, itemText, runTitle, warningText } from "../run-text.ts";
import type { Terminal } from "../terminal.ts";

export function showMessage(terminal: Terminal, event: RunEvent): void {
  const kind = event.kind;
  switch (kind?.$case) {
    case "started": {
      const { run } = kind.value;
      if (run !== undefined)
        terminal.errLine(terminal.paintErr("dim", `run ${escapeControls(run.id)}: ${runTitle(run)}`));
      break;
    }
    case "item":
      terminal.outLine(itemText(kind.value));
      break;
    case "warning":
      terminal.errLine(
        `${terminal.paintErr("yellow", "warning:")} ${warningText(kind.value.message, kind.value.path)}`,
      );
      break;
    case "attemptFailed": {
      const text = eventText(event, event.time ?? new Date(0));
      if (text !== undefined) terminal.errLine(terminal.paintErr("yellow", text));
      break;
    }
    case "note":
      terminal.errLine(`note: ${escapeControls(kind.value.message)}`);
      break;
  }
}
