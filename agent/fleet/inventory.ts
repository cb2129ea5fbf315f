/** What the machine has, as far as its configuration lets the controller know. */

import { showAddress } from "../../common/fleet/address.ts";
import type { Inventory, RefusedAssignment } from "../../proto/gen/luksmith/v1/fleet.ts";
import { type ErrorDetail, RunState, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { RunManager } from "../runs/run-manager.ts";
import type { NotBegun } from "../schedule/scheduler.ts";
import { findRemote } from "../volume/target.ts";
import { errorWithoutNames } from "./without-names.ts";

/** Dry runs among the good ones are passed over. */
const runsLookedAt = 20;
/** The controller takes so many more. */
const mostNotBegun = 500;
/** A thousand of these are to fit in the machine's Hello: with a larger one no controller hears it. A hint may name all jobs there are. */
const longest = { message: 300, hint: 200 };

export function inventoryOf(
  config: AgentConfig,
  runs: Pick<RunManager, "list">,
  refused: readonly RefusedAssignment[],
  notBegun: readonly NotBegun[],
): Inventory {
  const { allow } = config.controller;
  const known = allow.includes("status");
  const jobs = [...config.jobs.values()].map(({ name, volume }) => ({
    name,
    volume,
    lastGood: lastGood(runs, name),
  }));
  const volumes = [...config.volumes.values()].map(({ name, remote }) => ({
    name,
    backupHost: showAddress(findRemote(config, remote)),
  }));
  return {
    jobs: known ? jobs : [],
    volumes: known ? volumes : [],
    allowed: [...allow],
    // what is wrong with a name may say which there are
    refused: [
      ...refused.map(({ error, ...rest }) => ({
        ...rest,
        error: error && short({ ...error, hint: known ? error.hint : "" }),
      })),
      ...(known ? notBegun.slice(0, mostNotBegun).map((each) => toRefused(each, allow.includes("ls"))) : []),
    ],
  };
}

function toRefused({ schedule, job, volume, moment, error }: NotBegun, namesAllowed: boolean): RefusedAssignment {
  const told = namesAllowed ? error : errorWithoutNames(error);
  return { schedule, job, volume: job === "" ? volume : "", occurrence: moment, error: told && short(told) };
}

function short({ code, message, hint }: ErrorDetail): ErrorDetail {
  const cut = (text: string, most: number) => (text.length > most ? `${text.slice(0, most).toWellFormed()}...` : text);
  return { code, message: cut(message, longest.message), hint: cut(hint, longest.hint) };
}

/** The point in time that it is of. */
function lastGood(runs: Pick<RunManager, "list">, job: string): Date | undefined {
  const states = [RunState.DONE, RunState.INCOMPLETE];
  return runs.list({ job, verb: Verb.BACKUP, states, limit: runsLookedAt }).find(({ dryRun }) => !dryRun)?.startedAt;
}
