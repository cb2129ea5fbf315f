import { serverStream, unary } from "../../common/grpc-call.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { type Run, Verb } from "../../proto/gen/luksmith/v1/types.ts";
import type { AuthorizedCaller } from "../access/access.ts";
import { addKeyToVolume } from "../keys/add-key.ts";
import { sendRecoveryKit } from "../keys/kit.ts";
import { listKeys } from "../keys/list-keys.ts";
import { removeKeyFromVolume } from "../keys/remove-key.ts";
import { requireFileOfItsOwn, rotateKeyOfPeople, rotateOwnKey } from "../keys/rotate-key.ts";
import { requireGoodKey } from "../keys/slots.ts";
import type { RunContext, RunResult } from "../runs/context.ts";
import type { Target } from "../stack/stack.ts";
import { makeRecoveryPassphrase } from "../volume/recovery-passphrase.ts";
import { targetOf } from "../volume/target.ts";
import { type Agent, toCaller } from "./agent.ts";

type Handlers = Pick<AgentServiceServer, "listKeys" | "addKey" | "removeKey" | "rotateKey" | "exportRecoveryKit">;
type KeyVerb = typeof Verb.ADD_KEY | typeof Verb.REMOVE_KEY | typeof Verb.ROTATE_KEY;

export function keyHandlers(agent: Agent): Handlers {
  const { access, config, host, pins } = agent;
  const { log } = host;
  /** Whoever adds a key can read what everybody has backed up there. */
  const requireRoot = async (peer: string, volume: string) => {
    const caller = await access.authorize(peer, "keys", { volume });
    access.requireRoot(caller, "keys", { volume });
    return caller;
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

    addKey: unary(log, async ({ volume, newKey: given }, peer) => {
      const caller = await requireRoot(peer, volume);
      const { newKey, recoveryPassphrase } = orGenerated(given);
      requireGoodKey(newKey, volume);
      const role = recoveryPassphrase === "" ? "added" : "recovery";
      const run = await startOnKeys(agent, Verb.ADD_KEY, volume, caller, [newKey], (target, context) =>
        addKeyToVolume(host, pins, target, { newKey, role }, context),
      );
      return { run, recoveryPassphrase };
    }),

    removeKey: unary(log, async ({ volume, slot }, peer) => {
      const caller = await requireRoot(peer, volume);
      const run = await startOnKeys(agent, Verb.REMOVE_KEY, volume, caller, [], (target, context) =>
        removeKeyFromVolume(host, pins, target, slot, context),
      );
      return { run };
    }),

    rotateKey: unary(log, async ({ volume, agents, oldKey, newKey: given }, peer) => {
      const caller = await requireRoot(peer, volume);
      if (agents) {
        requireFileOfItsOwn(config.volumes, volume);
        const run = await startOnKeys(agent, Verb.ROTATE_KEY, volume, caller, [oldKey], (target, context) =>
          rotateOwnKey(host, pins, target, oldKey, context),
        );
        return { run, recoveryPassphrase: "" };
      }
      const { newKey, recoveryPassphrase } = orGenerated(given);
      requireGoodKey(newKey, volume);
      const generated = recoveryPassphrase !== "";
      const run = await startOnKeys(agent, Verb.ROTATE_KEY, volume, caller, [oldKey, newKey], (target, context) =>
        rotateKeyOfPeople(host, pins, target, { oldKey, newKey, generated }, context),
      );
      return { run, recoveryPassphrase };
    }),

    exportRecoveryKit: serverStream(log, async ({ volume, passphrase }, peer, stream) => {
      await requireRoot(peer, volume);
      const target = await targetOf(config, pins, volume);
      const jobs = [...config.jobs.values()].filter((job) => job.volume === volume).map(({ name }) => name);
      await sendRecoveryKit(host, target, { passphrase, jobs }, stream).finally(() => passphrase.fill(0));
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
  verb: KeyVerb,
  volume: string,
  caller: AuthorizedCaller,
  secrets: readonly Buffer[],
  work: (target: Target, run: RunContext) => Promise<RunResult>,
): Promise<Run> {
  await targetOf(config, pins, volume);
  const { deadlineMs } = config.runs;
  return runs.start({ verb, volume, caller: toCaller(caller), deadlineMs }, async (context) => {
    try {
      return await work(await targetOf(config, pins, volume), context);
    } finally {
      for (const secret of secrets) secret.fill(0);
    }
  });
}
