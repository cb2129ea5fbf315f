/**
 * An image that somebody has made by hand becomes a volume, without a byte of its files being copied: its header is pinned, and what
 * is in its root becomes a first snapshot.
 *
 * The header comes from the backup host, and nobody vouches for it: it is looked at, opened by the operator's key from the copy that
 * was looked at, and shown, before anything is written. Interrupted anywhere, adopting again ends it.
 */

import { randomUUID } from "node:crypto";
import { access, rename, rm } from "node:fs/promises";
import { asLuksmithError, LuksmithError } from "../../../common/errors.ts";
import { type Exec, mustRun } from "../../../common/exec.ts";
import { formatBytes } from "../../../common/units.ts";
import type { JobConfig } from "../../config/job.ts";
import type { RemoteConfig } from "../../config/remote.ts";
import { isGenerated, type VolumeConfig } from "../../config/volume.ts";
import { filesystemKinds, filesystemTypes } from "../../filesystem/kind.ts";
import { addKeyToVolume } from "../../keys/add-key.ts";
import type { RunContext, RunResult } from "../../runs/context.ts";
import { withRelease } from "../../stack/attach.ts";
import { type Opened, Stack } from "../../stack/stack.ts";
import type { Host } from "../../system/host.ts";
import { addKey, slotOf } from "../../tools/cryptsetup.ts";
import { volumeDeadlineMs } from "../../tools/deadlines.ts";
import type { Suitability, Superblock } from "../../tools/filesystem.ts";
import { storeForeignHeader } from "../../tools/foreign-header.ts";
import { syncFilesystem } from "../../tools/sync.ts";
import { makeKey, putAside, writeReadme } from "../create.ts";
import { type Identity, ownDirectory, readIdentity, writeIdentity } from "../identity.ts";
import { keySourceText, readKey } from "../key-source.ts";
import type { Pin, PinStore } from "../pin.ts";
import { type FetchedHeader, fetchHeader, makeDurable, withDataRoom } from "./fetched-header.ts";
import { type AdoptionPlan, endAdoption, type Found, lookAtRoot, makeFirstSnapshot } from "./first-snapshot.ts";
import { headerText, planName, planRoot, snapshotText } from "./plan.ts";

export interface AdoptRequest {
  readonly volume: VolumeConfig;
  readonly remote: RemoteConfig;
  /** Gets the first snapshot. */
  readonly job: JobConfig;
  /** The directory of this machine that stands at the root of the image; empty: see {@link planRoot}. */
  readonly root: string;
  /** What opens the image, where that is not the key file. */
  readonly passphrase: Uint8Array | undefined;
  /** Gets a slot when the image is a volume; undefined when the operator brought a key of their own. */
  readonly recoveryPassphrase: string | undefined;
  /** What a dry run has shown to the operator, who has said yes to it: the header's digest. */
  readonly shown: string | undefined;
  /** Called by a dry run. */
  readonly onShown: (digest: string) => void;
  readonly dryRun: boolean;
}

/** @throws {LuksmithError} "exists" for a volume that is one already; "usage" for what cannot become one; "wrong_key" */
export async function adoptVolume(
  host: Host,
  pins: PinStore,
  request: AdoptRequest,
  run: RunContext,
): Promise<RunResult> {
  const { volume, job, dryRun } = request;
  if ((await pins.read(volume.name)) !== undefined) {
    throw new LuksmithError("exists", `volume ${volume.name} is there already`, { hint: "luksmith volume list" });
  }
  const root = planRoot(job, request.root);
  await using key = await openingKey(host.exec, request, run.signal);
  const file = `${pins.headerFile(volume.name)}.adopting`;
  try {
    const fetched = await fetchHeader(host, request, file, run);
    if (request.shown !== undefined && request.shown !== fetched.digest) {
      throw new LuksmithError("tampered", "the header on the backup host is another one than was shown a moment ago", {
        hint: `look again: luksmith volume adopt ${volume.name} --job ${job.name} --dry-run`,
      });
    }
    run.note(headerText(fetched.header, fetched.digest));
    const adoption = new Adoption(host, pins, request, { root, fetched, key: key.bytes }, run);
    const summary = await adoption.run();
    if (dryRun) request.onShown(fetched.digest);
    else await addRecovery(host, pins, request, run);
    return { state: "done", summary };
  } finally {
    // unless it has become the pinned one
    await rm(file, { force: true });
  }
}

/**
 * Last of all, when it is a volume: of an adoption that fails nobody is told the passphrase, and its slot would stay in the image.
 * Once it has begun, the next command ends it.
 */
async function addRecovery(host: Host, pins: PinStore, request: AdoptRequest, run: RunContext): Promise<void> {
  const { volume, remote, recoveryPassphrase } = request;
  if (recoveryPassphrase === undefined) return;
  const newKey = Buffer.from(recoveryPassphrase);
  try {
    const target = { volume, remote, pin: await pins.require(volume.name), headerFile: pins.headerFile(volume.name) };
    await addKeyToVolume(host, pins, target, { newKey, role: "recovery" }, run);
  } catch (thrown) {
    const cause = asLuksmithError(thrown);
    throw new LuksmithError(cause.code, `it is a volume now, but has no recovery passphrase: ${cause.message}`, {
      hint: `luksmith key add ${volume.name} --generate`,
      cause,
    });
  } finally {
    newKey.fill(0);
  }
}

/** What the image is opened with. */
async function openingKey(
  exec: Exec,
  { volume, passphrase }: AdoptRequest,
  signal: AbortSignal,
): Promise<{ bytes: Buffer } & AsyncDisposable> {
  const bytes = passphrase === undefined ? await keyOf(exec, volume, signal) : Buffer.from(passphrase);
  return { bytes, [Symbol.asyncDispose]: async () => void bytes.fill(0) };
}

async function keyOf(exec: Exec, volume: VolumeConfig, signal: AbortSignal): Promise<Buffer> {
  const { key } = volume;
  if (!isGenerated(key) || (await isThere(key.path))) return await readKey(exec, key, signal);
  throw new LuksmithError("usage", `the configuration names no key for volume ${volume.name}: what opens the image`, {
    hint: `with its passphrase: --passphrase; with a key file: volumes.${volume.name}.key.file in the configuration`,
  });
}

async function isThere(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

interface Looked {
  readonly pin: Pin;
  readonly superblock: Superblock;
  readonly suitability: Suitability;
}

class Adoption {
  readonly #host: Host;
  readonly #pins: PinStore;
  readonly #request: AdoptRequest;
  readonly #root: string;
  readonly #fetched: FetchedHeader;
  readonly #key: Buffer;
  readonly #run: RunContext;

  constructor(
    host: Host,
    pins: PinStore,
    request: AdoptRequest,
    { root, fetched, key }: { root: string; fetched: FetchedHeader; key: Buffer },
    run: RunContext,
  ) {
    this.#host = host;
    this.#pins = pins;
    this.#request = request;
    this.#root = root;
    this.#fetched = fetched;
    this.#key = key;
    this.#run = run;
  }

  /** @returns what came of it, or would */
  async run(): Promise<string> {
    const { volume, remote, dryRun } = this.#request;
    const stack = new Stack(this.#host, volume.name);
    const target = { volume, remote, pin: this.#unknownPin(), headerFile: this.#fetched.file };
    const mode = dryRun ? "read" : "write";
    const adopted = await withRelease(stack, this.#run, async () => {
      const opened = await stack.open(target, mode, this.#run, { key: this.#key });
      const looked = await this.#look(opened, target.pin);
      const found = { ...opened, superblock: looked.superblock };
      const asItIs = dryRun ? { ...found, isWritable: false } : found;
      await stack.mount({ ...target, pin: looked.pin }, asItIs, mode, this.#run);
      return await this.#keep(stack.names.filesDir, opened, looked);
    });
    const { pin, snapshot } = adopted;
    const would = dryRun ? "would become a volume" : "is a volume now";
    const first = snapshot === undefined ? "" : `, with snapshot ${snapshot} of job ${this.#request.job.name}`;
    if (!dryRun) await this.#pins.write(volume.name, { ...pin, unclean: false });
    return `${volume.image} on ${remote.name}, ${formatBytes(pin.imageBytes)}, ${would}${first}`;
  }

  /** Of the file system nothing is known yet. */
  #unknownPin(): Pin {
    const { header, imageBytes } = this.#fetched;
    const { cipher, volumeKeyBits, sectorBytes, dataOffsetBytes } = header;
    return {
      ...{ format: 1, id: randomUUID(), luksUuid: header.uuid, filesystemUuid: randomUUID(), filesystem: "ext4" },
      ...{ imageBytes, cipher, volumeKeyBits, sectorBytes, dataOffsetBytes, generation: 1, unclean: true },
    };
  }

  /** @throws {LuksmithError} "usage" when there is no file system that a volume can have */
  async #look({ device, signal }: Opened, pin: Pin): Promise<Looked> {
    const { exec } = this.#host;
    for (const filesystem of filesystemTypes) {
      const kind = filesystemKinds[filesystem];
      const superblock = await kind.readSuperblock(exec, device, signal);
      if (superblock === undefined) continue;
      const suitability = await kind.suitability(exec, device, signal);
      if (suitability.fault !== undefined) throw notAdoptable(suitability.fault);
      if (suitability.warning !== undefined) this.#run.warn(suitability.warning);
      const written =
        suitability.writtenAt === undefined ? "" : `, last written ${suitability.writtenAt.toISOString()}`;
      this.#run.note(`in it: ${filesystem} ${superblock.uuid}${written}`);
      return { pin: { ...pin, filesystem, filesystemUuid: superblock.uuid }, superblock, suitability };
    }
    throw notAdoptable("the key opens it, and there is neither ext4 nor btrfs in it");
  }

  async #keep(
    filesDir: string,
    opened: Opened,
    { pin, suitability }: Looked,
  ): Promise<{ pin: Pin; snapshot: string | undefined }> {
    const { exec, clock } = this.#host;
    const { volume, job, dryRun } = this.#request;
    const { signal } = opened;
    const found = await lookAtRoot(exec, filesDir, signal);
    if (found.isVolume) return await this.#keepVolume(filesDir, opened, pin);
    const plan = found.begun ?? this.#plan(pin, found, planName(suitability.writtenAt, clock.now()));
    this.#requireSame(plan, found);
    const isEmpty = found.begun === undefined && found.names.length === 0;
    if (found.begun !== undefined)
      this.#run.note(`going on with an adoption that was interrupted: snapshot ${plan.snapshot}`);
    else this.#run.note(snapshotText(found.names, plan));
    const adopted = { pin: { ...pin, id: plan.id }, snapshot: isEmpty ? undefined : plan.snapshot };
    if (dryRun) return adopted;
    await this.#pinHeader(opened);
    if (!isEmpty) {
      const isBegun = found.begun !== undefined;
      await this.#run.step("rename", () => makeFirstSnapshot(exec, filesDir, plan, isBegun, signal));
    }
    await this.#run.step("write what it is", async () => {
      const make = ["--parents", "--mode=0700", "--", ownDirectory(filesDir)];
      await mustRun(exec, { file: "mkdir", args: make, deadlineMs: volumeDeadlineMs, signal });
      await writeReadme(exec, filesDir, volume.name, signal);
      await writeIdentity(exec, filesDir, { format: 1, id: plan.id, volume: volume.name, generation: 1 }, signal);
      await syncFilesystem(exec, filesDir, signal);
      await endAdoption(exec, filesDir, signal);
    });
    this.#run.note(`the next backup of ${job.name} shares what has not changed with it`);
    return adopted;
  }

  /** It was a volume of luksmith's before, perhaps of a machine that is lost. */
  async #keepVolume(filesDir: string, opened: Opened, pin: Pin): Promise<{ pin: Pin; snapshot: string | undefined }> {
    const identity: Identity = await readIdentity(this.#host.exec, filesDir, opened.signal);
    this.#run.note(
      `it is the volume ${identity.volume} of luksmith's already, generation ${identity.generation}: nothing in it is changed`,
    );
    if (!this.#request.dryRun) await this.#pinHeader(opened);
    return { pin: { ...pin, id: identity.id, generation: identity.generation }, snapshot: undefined };
  }

  #plan({ id }: Pin, { rootChanged }: Found, snapshot: string): AdoptionPlan {
    return { id, job: this.#request.job.name, snapshot, root: this.#root, rootChanged };
  }

  #requireSame(plan: AdoptionPlan, { begun }: Found): void {
    if (begun === undefined || (plan.job === this.#request.job.name && plan.root === this.#root)) return;
    throw new LuksmithError("usage", "an adoption of this image that was interrupted was of another job or directory", {
      hint: `luksmith volume adopt ${this.#request.volume.name} --job ${plan.job} --as ${plan.root}`,
    });
  }

  /** From now on the copy is what opens the volume; it is on this machine's disk before the image gets its new slots. */
  async #pinHeader({ imageDevice, signal }: Opened): Promise<void> {
    const { exec } = this.#host;
    const { volume, passphrase } = this.#request;
    const { file, header } = this.#fetched;
    const headerFile = this.#pins.headerFile(volume.name);
    await this.#run.step("pin the header", async () => {
      if (isGenerated(volume.key)) await makeKey(volume.key.path);
      await withDataRoom(this.#fetched, () => this.#addSlots(signal));
      await mustRun(exec, { file: "sync", args: ["--", file], deadlineMs: volumeDeadlineMs, signal });
      await putAside(headerFile, this.#run.runId);
      await rename(file, headerFile);
      await makeDurable(headerFile);
      if (passphrase === undefined) return;
      await storeForeignHeader(exec, { from: headerFile, to: imageDevice, header }, signal);
    });
  }

  /** In the copy alone. @throws {LuksmithError} "wrong_key" when the agent's own key does not open it in the end */
  async #addSlots(signal: AbortSignal): Promise<void> {
    const { exec } = this.#host;
    const { volume, passphrase } = this.#request;
    const { file } = this.#fetched;
    const own = await readKey(exec, volume.key, signal);
    try {
      const opens = async (key: Uint8Array) => slotOf(exec, { headerFile: file, key }, signal);
      if (passphrase !== undefined && (await opens(own)) === undefined) {
        await addKey(exec, { headerFile: file, key: this.#key, newKey: own, kdf: volume.kdf }, signal);
      }
      if ((await opens(own)) === undefined) {
        throw new LuksmithError("wrong_key", `${keySourceText(volume.key)} does not open the image`);
      }
    } finally {
      own.fill(0);
    }
  }
}

function notAdoptable(why: string): LuksmithError {
  return new LuksmithError("usage", `the image cannot become a volume: ${why}`, {
    hint: "nothing was changed; to begin a new volume: another image, and luksmith volume create",
  });
}
