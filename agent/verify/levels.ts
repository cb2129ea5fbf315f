/** How closely a snapshot is looked at: the levels, each with what does it. */

import { LuksmithError } from "../../common/errors.ts";
import { VerifyLevel, type VerifyRequest } from "../../proto/gen/luksmith/v1/agent.ts";
import type { SourcedJob } from "../backup/sourced-job.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import type { Host } from "../system/host.ts";
import { checkVolume } from "../volume/check.ts";
import type { PinStore } from "../volume/pin.ts";
import { scrubVolume } from "./scrub.ts";
import { verifySpot } from "./spot.ts";
import { verify } from "./verify.ts";

export type LevelOptions = Omit<VerifyRequest, "job">;

export function verifyAt(
  host: Host,
  pins: PinStore,
  job: SourcedJob,
  target: Target,
  options: LevelOptions,
  run: RunContext,
): Promise<RunResult> {
  switch (options.level) {
    case VerifyLevel.QUICK: {
      const { acceptRollback } = options;
      return checkVolume(host, pins, target, { acceptRollback, repair: false, jobs: [job.name] }, run);
    }
    case VerifyLevel.SPOT:
      return verifySpot(host, pins, job, target, options, run);
    case VerifyLevel.SCRUB: {
      const { acceptRollback } = options;
      return scrubVolume(host, pins, target, { job: job.name, acceptRollback }, run);
    }
    case VerifyLevel.FULL:
    case VerifyLevel.UNSPECIFIED:
      return verify(host, pins, job, target, options, run);
    default:
      throw new LuksmithError("usage", "there is no such level of verifying");
  }
}
