/** What `luksmith-helper setup` says: with --json an object a line, for people the same in words. */

import * as z from "zod";
import { escapeControls } from "./quote.ts";
import { plural } from "./units.ts";

export const setupReportSchema = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("step"),
    /** In words. */
    says: z.string(),
    /** Whether it changes something; what does not only looks. */
    changes: z.boolean(),
    /** What is done, to the letter: files with their content, commands. */
    detail: z.array(z.string()),
  }),
  z.strictObject({ type: z.literal("note"), message: z.string() }),
  z.strictObject({ type: z.literal("end"), changes: z.int(), dryRun: z.boolean() }),
]);

export type SetupReport = z.output<typeof setupReportSchema>;

/** @param withDetail of steps: a dry run is read for it */
export function setupReportText(report: SetupReport, withDetail: boolean): string {
  switch (report.type) {
    case "step": {
      const detail = withDetail ? report.detail.map((line) => `        ${escapeControls(line)}\n`).join("") : "";
      return `${report.changes ? "do  " : "look"}  ${escapeControls(report.says)}\n${detail}`;
    }
    case "note":
      return `note  ${escapeControls(report.message)}\n`;
    case "end":
      if (report.changes === 0) return "nothing is to be done\n";
      return report.dryRun
        ? `${plural(report.changes, "step")} would be taken; nothing has been changed\n`
        : `${plural(report.changes, "step")} taken\n`;
  }
}
