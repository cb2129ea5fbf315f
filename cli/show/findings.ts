/** The answer of Doctor. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import { plural } from "../../common/units.ts";
import { type DoctorRequest, type Finding, Finding_Level } from "../../proto/gen/luksmith/v1/agent.ts";
import { enumName } from "../enum-name.ts";
import { findingJson } from "../json.ts";
import type { Session } from "../session.ts";
import type { Paint } from "../table.ts";
import type { Style } from "../terminal.ts";

/** @throws {LuksmithError} "unhealthy" when something is wrong */
export async function showFindings(session: Session, request: DoctorRequest): Promise<void> {
  const { findings } = await session.waitFor("looking at this machine", session.agent.doctor(request));
  const paint: Paint = (style, text) => session.terminal.paintOut(style, text);
  session.result(
    () => findings.map(findingJson),
    () => findings.map((finding) => findingText(finding, paint)).join(""),
  );
  const problems = findings.filter(({ level }) => level === Finding_Level.PROBLEM).length;
  const warnings = findings.filter(({ level }) => level === Finding_Level.WARNING).length;
  if (problems > 0) {
    const also = warnings === 0 ? "" : ` and ${plural(warnings, "warning")}`;
    throw new LuksmithError("unhealthy", `${plural(problems, "problem")}${also}`, {
      hint: "the lines marked `problem` say what to do",
    });
  }
  session.notice(warnings === 0 ? "all is well" : `no problem, ${plural(warnings, "warning")}`);
}

export function findingText(finding: Finding, paint: Paint): string {
  const level = enumName(Finding_Level, finding.level).padEnd(8);
  const hint = finding.hint === "" ? "" : `${" ".repeat(10)}${paint("dim", `hint: ${escapeControls(finding.hint)}`)}\n`;
  return `${paint(levelStyle(finding.level), level)}  ${escapeControls(finding.subject)}: ${escapeControls(finding.message)}\n${hint}`;
}

function levelStyle(level: Finding_Level): Style {
  if (level === Finding_Level.OK) return "green";
  return level === Finding_Level.WARNING ? "yellow" : "red";
}
