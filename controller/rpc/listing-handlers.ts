import { isName } from "../../common/config/names.ts";
import { LuksmithError } from "../../common/errors.ts";
import { quoteText } from "../../common/quote.ts";
import type { ControllerServiceServer } from "../../proto/gen/luksmith/v1/controller.ts";
import type { Machine } from "../store/machines.ts";
import { requireAllowed } from "./allowed.ts";
import { serverStream } from "./call.ts";
import type { ControllerParts } from "./parts.ts";
import { calledName, visibleMachine } from "./visible.ts";

type Handlers = Pick<ControllerServiceServer, "listFleetSnapshots" | "listFleetFiles">;

/** PATH_MAX of Linux, with its NUL. */
const longestPathBytes = 4095;

/** Live from the machine: nothing of it is stored. */
export function listingHandlers(parts: ControllerParts): Handlers {
  const { lines, operators } = parts;
  return {
    listFleetSnapshots: serverStream(parts, async ({ machine: text, job }, peer, stream) => {
      const operator = await operators.authorize(peer, "listFleetSnapshots", `${text} ${job}`);
      const machine = await visibleMachine(parts, operator, "listFleetSnapshots", text);
      requireActive(machine);
      requireAllowed(machine, "snapshots");
      requireJob(job);
      const what = { $case: "snapshots", value: { job } } as const;
      const replies = lines.ask(machine.id, { id: "", what, operator: operator.name }, stream.gone);
      for await (const { snapshots } of replies) {
        for (const snapshot of snapshots) await stream.send({ snapshot });
      }
    }),

    listFleetFiles: serverStream(parts, async ({ machine: text, job, snapshot, path, recursive }, peer, stream) => {
      // without the path: names of files are stored nowhere
      const operator = await operators.authorize(peer, "listFleetFiles", [text, job, snapshot].join(" "));
      const machine = await visibleMachine(parts, operator, "listFleetFiles", text);
      requireActive(machine);
      requireAllowed(machine, "ls");
      requireJob(job);
      if (path.length > longestPathBytes) throw new LuksmithError("usage", "no path is so long");
      const what = { $case: "files", value: { job, snapshot, path, recursive } } as const;
      const replies = lines.ask(machine.id, { id: "", what, operator: operator.name }, stream.gone);
      for await (const { files } of replies) {
        for (const entry of files) await stream.send({ entry });
      }
    }),
  };
}

function requireJob(job: string): void {
  if (isName(job)) return;
  throw new LuksmithError("usage", `${quoteText(job)} cannot be the name of a job`, {
    hint: "luksmith fleet machines --jobs shows which there are",
  });
}

function requireActive(machine: Machine): void {
  if (machine.state === "active") return;
  const hint = machine.state === "pending" ? "luksmith fleet accept" : "it can enrol again, once it is forgotten";
  throw new LuksmithError("usage", `${calledName(machine)} is ${machine.state}`, { hint });
}
