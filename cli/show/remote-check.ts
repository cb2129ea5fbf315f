/** The answer of CheckRemote. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { type RemoteFinding, RemoteFinding_Level } from "../../proto/gen/luksmith/v1/agent.ts";
import { enumName } from "../enum-name.ts";
import { remoteFindingJson } from "../json.ts";
import type { Session } from "../session.ts";
import type { Paint } from "../table.ts";
import type { Style } from "../terminal.ts";

/** @throws {LuksmithError} "unhealthy" when the key can do more than it should, or less */
export async function showRemoteCheck(session: Session, remote: string): Promise<void> {
  const { findings } = await session.waitFor(
    "trying what this machine's key can do there",
    session.agent.checkRemote({ remote }),
  );
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => findings.map(remoteFindingJson),
    () => findings.map((finding) => remoteFindingText(finding, paint)).join(""),
  );
  const wrong = findings.filter(({ level }) => level === RemoteFinding_Level.NO).length;
  if (wrong > 0) {
    throw new LuksmithError("unhealthy", `${remote} is not as it should be`, {
      hint: "the lines marked `no` say what to do",
    });
  }
  session.notice("the key can do what it is for, and nothing else");
}

export function remoteFindingText(finding: RemoteFinding, paint: Paint): string {
  const level = enumName(RemoteFinding_Level, finding.level).padEnd(4);
  const hint = finding.hint === "" ? "" : `      ${paint("dim", `hint: ${escapeControls(finding.hint)}`)}\n`;
  return `${paint(styleOf(finding.level), level)}  ${escapeControls(finding.subject)}: ${escapeControls(finding.message)}\n${hint}`;
}

function styleOf(level: RemoteFinding_Level): Style {
  if (level === RemoteFinding_Level.OK) return "green";
  return level === RemoteFinding_Level.OFF ? "yellow" : "red";
}
