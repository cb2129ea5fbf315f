import { dirname } from "node:path";
import type { Found } from "../observe/found.ts";
import { bundlePath, gatePath, launcherPath, libraryDirectory, logrotatePath, nodePath } from "../paths.ts";
import type { Step } from "../step.ts";
import { launcherText } from "../text/launcher.ts";
import { logrotateText } from "../text/logrotate.ts";
import { wantCopy, wantDirectory, wantFile } from "./want.ts";

export function planPrograms(found: Found, logFile: string): Step[] {
  const { node, bundle, gate } = found.sources;
  return [
    ...wantDirectory(found, null, libraryDirectory, 0o755),
    ...wantCopy(found, node, nodePath, "install Node, for the helper alone"),
    ...wantCopy(found, bundle, bundlePath, "install the helper"),
    ...wantCopy(found, gate, gatePath, "install the gate, which a machine's key starts"),
    ...wantFile(found, {
      of: null,
      path: launcherPath,
      content: launcherText(),
      mode: 0o755,
      says: "install what starts the helper",
    }),
    ...(found.directories.has(dirname(logrotatePath))
      ? wantFile(found, {
          of: null,
          path: logrotatePath,
          content: logrotateText(logFile),
          mode: 0o644,
          says: "have the helper's log rotated",
        })
      : []),
  ];
}
