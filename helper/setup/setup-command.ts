/** `luksmith-helper setup`: a request on standard input, a plan, and the plan carried out or shown. */

import { readFile, realpath } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { dirname, join } from "node:path";
import { text } from "node:stream/consumers";
import { hasErrno, LuksmithError } from "../../common/errors.ts";
import { type Exec, makeExec } from "../../common/exec.ts";
import { escapeControls } from "../../common/quote.ts";
import { type SetupReport, setupReportText } from "../../common/setup-report.ts";
import { type SetupRequest, setupRequestSchema } from "../../common/setup-request.ts";
import { defaultHelperConfigPath, parseHelperConfig } from "../config/helper-config.ts";
import { applyPlan } from "./apply/apply.ts";
import { type Manifest, readManifest } from "./manifest.ts";
import type { Found, Sources } from "./observe/found.ts";
import { findAccount, observe, sourceAt } from "./observe/observe.ts";
import { manifestPath } from "./paths.ts";
import { type Place, placeOf } from "./place.ts";
import { planRemoval } from "./plan/removal.ts";
import { packagesFor, pathsToLookAt, planSetup } from "./plan/setup.ts";
import { requireAdministrator } from "./plan/user.ts";
import { detailOf } from "./show.ts";
import type { Plan, Step } from "./step.ts";

export interface SetupOptions {
  readonly dryRun: boolean;
  readonly json: boolean;
  /** A file that the request is in. Default: standard input. */
  readonly request: string | undefined;
  /** The machine whose setup is taken back; undefined for a setup, which is asked for on standard input. */
  readonly remove: string | undefined;
  readonly purge: boolean;
}

const requestBytesMax = 64 * 1024;

export async function setupCommand(options: SetupOptions): Promise<void> {
  if (process.getuid?.() !== 0) {
    throw new LuksmithError("denied", "only root can set a backup host up", { hint: "sudo luksmith-helper setup" });
  }
  const say = options.json ? sayJson : sayText;
  const { exec } = makeExec();
  using _ = await onlyOne();
  const manifest = await readManifest(manifestPath);
  const { machine, plan, found } =
    options.remove === undefined
      ? await toSetUp(exec, manifest, await readRequest(options.request))
      : await toRemove(exec, manifest, options.remove, options.purge);
  const hear = (step: Step) => {
    if (step.action.kind !== "nothing")
      say({ type: "step", says: step.says, changes: step.looks !== true, detail: detailOf(step) }, options.dryRun);
  };
  if (options.dryRun) for (const step of plan.steps) hear(step);
  else await applyPlan(exec, plan, found.manifest, machine, hear);
  for (const message of plan.notes) say({ type: "note", message }, options.dryRun);
  const changes = plan.steps.filter(({ looks }) => looks !== true).length;
  if (options.dryRun && changes > 0) {
    const message = `what is made is written down in ${manifestPath}, each before it is made, and struck out when it is taken back`;
    say({ type: "note", message }, true);
  }
  say({ type: "end", changes, dryRun: options.dryRun }, options.dryRun);
}

interface Planned {
  readonly machine: string;
  readonly plan: Plan;
  readonly found: Found;
}

async function toSetUp(exec: Exec, manifest: Manifest, request: SetupRequest): Promise<Planned> {
  const { machine } = request;
  const place = placeOf(request, await findAccount(exec, machine));
  const checkpoints = request.checkpoints === undefined ? [] : [request.checkpoints];
  const found = await look(exec, manifest, machine, place, checkpoints, request);
  return { machine, found, plan: planSetup(found, request, place) };
}

async function toRemove(exec: Exec, manifest: Manifest, machine: string, purge: boolean): Promise<Planned> {
  const found = await look(exec, manifest, machine, undefined, [], undefined);
  return { machine, found, plan: planRemoval(found, { machine, purge }) };
}

async function look(
  exec: Exec,
  manifest: Manifest,
  machine: string,
  place: Place | undefined,
  more: readonly string[],
  request: SetupRequest | undefined,
): Promise<Found> {
  const made = manifest.made.flatMap((thing) => ("path" in thing ? [thing.path, dirname(thing.path)] : []));
  const found = await observe(exec, await findSources(), {
    machine,
    packages: packagesFor(request),
    paths: pathsToLookAt(machine, place, [...made, ...more]),
    directory: place?.directory,
  });
  const config = found.files.get(defaultHelperConfigPath)?.text;
  const configured = config === undefined ? [] : parseHelperConfig(config, defaultHelperConfigPath).machines.keys();
  requireAdministrator(found, process.env.SUDO_USER ?? "", configured);
  return found;
}

/** What is installed is what runs now, and the gate beside it. */
async function findSources(): Promise<Sources> {
  const bundle = await realpath(process.argv[1] ?? "");
  const gates = ["luksmith-helper-gate", "helper-gate"].map((name) => join(dirname(bundle), name));
  const [node, ownBundle, gate] = await Promise.all([
    sourceAt(process.execPath),
    sourceAt(bundle),
    sourceAt(gates[0] ?? "").catch(() => sourceAt(gates[1] ?? "")),
  ]).catch((cause: unknown) => {
    throw new LuksmithError("not_found", "the gate, luksmith-helper-gate, is not beside the helper", {
      hint: "npm run build puts both into dist/",
      cause,
    });
  });
  return { node, bundle: ownBundle, gate };
}

/** @throws {LuksmithError} "usage" */
async function readRequest(file: string | undefined): Promise<SetupRequest> {
  const said = file === undefined ? await text(process.stdin) : await readFile(file, "utf8");
  if (said.length > requestBytesMax) throw new LuksmithError("usage", "the request is too long");
  let json: unknown;
  try {
    json = JSON.parse(said);
  } catch {
    throw new LuksmithError("usage", "what is asked for is not in JSON", {
      hint: "luksmith remote setup makes one; docs/backup-host.md has an example",
    });
  }
  const parsed = setupRequestSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${path.join(".") || "the request"}: ${message}`);
  throw new LuksmithError("usage", escapeControls(faults.join("; ")), { hint: "docs/backup-host.md has an example" });
}

/** Two at a time would each write down what they have made without the other's. @throws {LuksmithError} "locked" */
async function onlyOne(): Promise<Disposable> {
  const server: Server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    // of the abstract namespace (unix(7)): it goes with the process, however that ends
    server.listen("\0luksmith-helper-setup", resolve);
  }).catch((error: unknown) => {
    if (!hasErrno(error, "EADDRINUSE")) throw error;
    throw new LuksmithError("locked", "another setup is at work on this backup host");
  });
  server.unref();
  return { [Symbol.dispose]: () => server.close() };
}

function sayJson(report: SetupReport): void {
  process.stdout.write(`${JSON.stringify(report)}\n`);
}

function sayText(report: SetupReport, dryRun: boolean): void {
  process.stdout.write(setupReportText(report, dryRun));
}
