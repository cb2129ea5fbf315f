import { serverStream, unary } from "../../common/grpc-call.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { type Run, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AuthorizedCaller } from "../access/access.ts";
import { addKeyToVolume } from "../keys/add-key.ts";
import { sendRecoveryKit } from "../keys/kit.ts";
import { listKeys } from "../keys/list-keys.ts";
import { reencryptVolume } from "../keys/reencrypt.ts";
import { removeKeyFromVolume } from "../keys/remove-key.ts";
import { requireFileOfItsOwn, rotateKeyOfPeople, rotateOwnKey } from "../keys/rotate-key.ts";
import { requireGoodKey } from "../keys/slots.ts";
import type { RunContext, RunRequest, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import { makeRecoveryPassphrase } from "../volume/recovery-passphrase.ts";
import { targetOf } from "../volume/target.ts";
import { type Agent, toCaller } from "./agent.ts";
import { wipedUnlessBegun } from "./secrets.ts";

type Handlers = Pick<
  AgentServiceServer,
  "listKeys" | "addKey" | "removeKey" | "rotateKey" | "reencryptVolume" | "exportRecoveryKit"
>;

export function keyHandlers(agent: Agent): Handlers {
  const { access, config, host, pins } = agent;
  const { log } = host;
  /** Whoever adds a key can read what everybody has backed up there. */
  const requireRoot = async (peer: string, volume: string, wants: string) => {
    const caller = await access.authorize(peer, "keys", { volume });
    return access.requireRoot(caller, "keys", { volume }, wants);
  };
  let lastListing: Promise<unknown> = Promise.resolve();
  return {
    listKeys: unary(log, async ({ volume }, peer, gone) => {
      await access.authorize(peer, "keys", { volume });
      const target = await targetOf(config, pins, volume);
      // each derives a key, which takes a gigabyte or so: one after the other, whoever asks
      const listed = lastListing.then(() => listKeys(host, pins, target, gone));
      lastListing = listed.catch(() => undefined);
      return listed;
    }),

    addKey: unary(log, ({ volume, newKey: given }, peer) =>
      wipedUnlessBegun([given], async () => {
        const wants = given.length === 0 ? "a recovery passphrase in another slot" : "another key";
        const caller = await requireRoot(peer, volume, wants);
        const { newKey, recoveryPassphrase } = orGenerated(given);
        requireGoodKey(newKey, volume);
        const role = recoveryPassphrase === "" ? "added" : "recovery";
        const starting = { verb: Verb.ADD_KEY, volume, caller };
        const run = await startOnKeys(agent, starting, [newKey], (target, context) =>
          addKeyToVolume(host, pins, target, { newKey, role }, context),
        );
        return { run, recoveryPassphrase };
      }),
    ),

    removeKey: unary(log, async ({ volume, slot }, peer) => {
      const caller = await requireRoot(peer, volume, `slot ${slot} removed`);
      const run = await startOnKeys(agent, { verb: Verb.REMOVE_KEY, volume, caller }, [], (target, context) =>
        removeKeyFromVolume(host, pins, target, slot, context),
      );
      return { run };
    }),

    rotateKey: unary(log, ({ volume, agents, oldKey, newKey: given }, peer) =>
      wipedUnlessBegun([oldKey, given], async () => {
        const wants = agents ? "another key of the agent's own" : "a key in the place of another";
        const caller = await requireRoot(peer, volume, wants);
        const starting = { verb: Verb.ROTATE_KEY, volume, caller };
        if (agents) {
          requireFileOfItsOwn(config.volumes, volume);
          const run = await startOnKeys(agent, starting, [oldKey, given], (target, context) =>
            rotateOwnKey(host, pins, target, oldKey, context),
          );
          return { run, recoveryPassphrase: "" };
        }
        const { newKey, recoveryPassphrase } = orGenerated(given);
        requireGoodKey(newKey, volume);
        const generated = recoveryPassphrase !== "";
        const run = await startOnKeys(agent, starting, [oldKey, newKey], (target, context) =>
          rotateKeyOfPeople(host, pins, target, { oldKey, newKey, generated }, context),
        );
        return { run, recoveryPassphrase };
      }),
    ),

    reencryptVolume: unary(log, async ({ volume, keep, dropOthers, dryRun }, peer) => {
      const secrets = keep.map(({ key }) => key);
      return await wipedUnlessBegun(secrets, async () => {
        const caller = await requireRoot(peer, volume, dryRun ? "a look at a re-encryption" : "another volume key");
        const starting = { verb: Verb.REENCRYPT_VOLUME, volume, dryRun, caller };
        const run = await startOnKeys(agent, starting, secrets, (target, context) =>
          reencryptVolume(host, pins, target, { keep, dropOthers, dryRun }, context),
        );
        return { run };
      });
    }),

    exportRecoveryKit: serverStream(log, async ({ volume, passphrase }, peer, stream) => {
      try {
        await requireRoot(peer, volume, "a recovery kit");
        const target = await targetOf(config, pins, volume);
        const jobs = [...config.jobs.values()].filter((job) => job.volume === volume).map(({ name }) => name);
        await sendRecoveryKit(host, pins, target, { passphrase, jobs }, stream);
      } finally {
        passphrase.fill(0);
      }
    }),
  };
}

function orGenerated(given: Buffer): { newKey: Buffer; recoveryPassphrase: string } {
  if (given.length > 0) return { newKey: given, recoveryPassphrase: "" };
  const recoveryPassphrase = makeRecoveryPassphrase();
  return { newKey: Buffer.from(recoveryPassphrase), recoveryPassphrase };
}

/** Does not try again: what an interrupted change has left undone, the next one does first. */
async function startOnKeys(
  { config, pins, runs }: Agent,
  { caller, ...request }: Pick<RunRequest, "verb" | "volume" | "dryRun"> & { caller: AuthorizedCaller },
  secrets: readonly Buffer[],
  work: (target: Target, run: RunContext) => Promise<RunResult>,
): Promise<Run> {
  const { volume } = request;
  await targetOf(config, pins, volume);
  const { deadlineMs } = config.runs;
  return runs.start({ ...request, caller: toCaller(caller), deadlineMs }, async (context) => {
    try {
      return await work(await targetOf(config, pins, volume), context);
    } finally {
      for (const secret of secrets) secret.fill(0);
    }
  });
}
