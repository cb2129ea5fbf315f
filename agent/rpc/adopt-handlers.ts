import { LuksmithError } from "../../common/errors.ts";
import { unary } from "../../common/grpc-call.ts";
import { quoteText } from "../../common/quote.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { Verb } from "../../proto/gen/luksmith/v1/types.ts";
import { isGenerated } from "../config/volume.ts";
import { adoptVolume } from "../volume/adopt/adopt.ts";
import { makeRecoveryPassphrase } from "../volume/recovery-passphrase.ts";
import { findVolume } from "../volume/target.ts";
import { type Agent, toCaller } from "./agent.ts";
import { wipedUnlessBegun } from "./secrets.ts";

/** Of dry runs that somebody may still say yes to. */
const rememberedRuns = 16;

export function adoptHandlers(agent: Agent): Pick<AgentServiceServer, "adoptVolume"> {
  const { access, config, host, pins, runs } = agent;
  /** What each of them has shown: the digest of a header. */
  const shownBy = new Map<string, string>();
  return {
    adoptVolume: unary(host.log, (request, peer) =>
      wipedUnlessBegun([request.passphrase], async () => {
        const caller = await access.authorize(peer, "adopt", { volume: request.volume });
        const { volume, remote } = findVolume(config, request.volume);
        // which other jobs there are is not for everybody
        const jobs = [...config.jobs.values()].filter((known) => known.volume === volume.name);
        const job = jobs.find(({ name }) => name === request.job);
        if (job === undefined) {
          throw new LuksmithError("usage", `no job ${quoteText(request.job)} backs up into volume ${volume.name}`, {
            hint: `--job takes one of: ${jobs.map(({ name }) => name).join(", ") || "none is configured yet"}`,
          });
        }
        const { dryRun, root, shownRun } = request;
        // whoever brings a key of their own, or is given one, can read what everybody backs up there
        const recoveryPassphrase = isGenerated(volume.key) && !dryRun ? makeRecoveryPassphrase() : undefined;
        const wants =
          recoveryPassphrase === undefined ? "another key of its own" : "keys of its own, and a recovery passphrase";
        if (!dryRun) access.requireRoot(caller, "adopt", { volume: volume.name }, wants);
        const shown = shownRun === "" ? undefined : shownBy.get(shownRun);
        if (shownRun !== "" && shown === undefined) {
          throw new LuksmithError("usage", "nobody remembers what that dry run has shown", { hint: "look again" });
        }
        const passphrase = request.passphrase.length === 0 ? undefined : request.passphrase;
        const adopting = { verb: Verb.ADOPT_VOLUME, volume: volume.name, job: job.name, dryRun };
        const { deadlineMs } = config.runs;
        const run = runs.start({ ...adopting, caller: toCaller(caller), deadlineMs }, (context) => {
          const onShown = (digest: string) => {
            shownBy.set(context.runId, digest);
            const [oldest] = shownBy.keys();
            if (shownBy.size > rememberedRuns && oldest !== undefined) shownBy.delete(oldest);
          };
          const asked = { volume, remote, job, root, passphrase, recoveryPassphrase, shown, onShown, dryRun };
          return adoptVolume(host, pins, asked, context).finally(() => passphrase?.fill(0));
        });
        return {
          run,
          recoveryPassphrase: recoveryPassphrase ?? "",
          keyFile: volume.key.from === "file" ? volume.key.path : "",
          headerFile: pins.headerFile(volume.name),
        };
      }),
    ),
  };
}
