/** HelperService: what each call does for the one machine that the session is for. */

import { statfs } from "node:fs/promises";
import { LuksmithError } from "../../common/errors.ts";
import { unary } from "../../common/grpc-call.ts";
import { version } from "../../common/version.ts";
import type { HelperServiceServer } from "../../proto/gen/luksmith/v1/helper.ts";
import { ExportMode } from "../../proto/gen/luksmith/v1/helper.ts";
import type { CheckpointStore, Checkpoint as StoredCheckpoint } from "../checkpoint/checkpoint-store.ts";
import { checkClaim } from "../lease/lease-claim.ts";
import { requireNoLease } from "../lease/lease-place.ts";
import type { Host } from "../session/host.ts";
import type { Session } from "../session/session.ts";
import { whyNoHoles } from "../storage/holes.ts";
import { lockImage, resizeImage, statImage } from "../storage/images.ts";
import { whyNoData } from "../storage/room.ts";
import { callError } from "./call-error.ts";
import type { Calls } from "./calls.ts";

export interface Helper {
  readonly host: Host;
  readonly session: Session;
  readonly calls: Calls;
  /** Undefined where the configuration has none. */
  readonly checkpoints: CheckpointStore | undefined;
}

const untried = "it was not tried out";

export function helperService(helper: Helper): HelperServiceServer {
  const { host, session, checkpoints } = helper;
  const { exec } = host;
  const { directory } = session;
  const { config } = session.machine;
  return {
    probe: call(helper, "Probe", async ({ triesStorage }) => {
      await directory.require();
      const { bavail, bsize } = await statfs(directory.path);
      const [noHoles, noData, noCheckpoints, nbdServer, noDirect] = await Promise.all([
        triesStorage ? whyNoHoles(exec, directory.path) : untried,
        triesStorage ? whyNoData(exec, directory.path, session.machine.owner) : untried,
        whyNoCheckpoints(checkpoints, directory.path, triesStorage),
        session.nbdServerVersion(),
        whyNotDirect(session, triesStorage),
      ]);
      return {
        version,
        machine: config.name,
        nbdServerVersion: nbdServer ?? "",
        punchesHoles: noHoles === undefined,
        noHolesReason: noHoles ?? "",
        takesData: noData === undefined,
        noDataReason: noData ?? "",
        makesCheckpoints: noCheckpoints === undefined,
        noCheckpointsReason: noCheckpoints ?? "",
        wantsCheckpoints: checkpoints !== undefined,
        allowsDirect: noDirect === undefined,
        noDirectReason: noDirect ?? "",
        freeBytes: bavail * bsize,
        maxImageBytes: config.maxImageBytes ?? 0,
        directory: directory.path,
      };
    }),

    createImage: call(helper, "CreateImage", async ({ image, bytes }) => {
      session.requireSize(bytes);
      await session.createImage(image, bytes);
      return {};
    }),

    discardImage: call(helper, "DiscardImage", async ({ image }) => {
      await session.discardImage(image);
      return {};
    }),

    resizeImage: call(helper, "ResizeImage", async ({ image, bytes, shrink }) => {
      session.requireSize(bytes);
      await resizeImage(exec, directory, image, { bytes, shrink });
      return {};
    }),

    statImage: call(helper, "StatImage", async ({ image }) => {
      const { bytes, allocatedBytes, modifiedAt, isExported } = await statImage(exec, directory, image);
      return { bytes, allocatedBytes, modifiedAt, exported: isExported };
    }),

    openExport: call(helper, "OpenExport", async ({ image, mode, readOnly, lease, discardsBelow }, signal) => {
      if (mode !== ExportMode.TUNNEL && mode !== ExportMode.DIRECT) {
        throw new LuksmithError("usage", "an export is for the tunnel, or direct");
      }
      const claim = checkClaim(lease, readOnly);
      if (discardsBelow > 0) session.requireSize(discardsBelow);
      if (discardsBelow > 0 && readOnly) throw new LuksmithError("usage", "nothing is discarded of what is only read");
      return session.openExport({ image, direct: mode === ExportMode.DIRECT, readOnly, claim, discardsBelow }, signal);
    }),

    closeExport: call(helper, "CloseExport", async ({ export: id }) => {
      await session.closeExport(id);
      return {};
    }),

    createCheckpoint: call(helper, "CreateCheckpoint", async ({ image }) => {
      const store = requireCheckpoints(checkpoints);
      await using file = await lockImage(exec, directory, image);
      await requireNoLease(directory, image, host.clock);
      const { checkpoint, removed } = await store.create(config.name, image, file);
      host.log.info({ image, checkpoint: checkpoint.name, removed }, "checkpoint made");
      return { checkpoint: toMessage(checkpoint) };
    }),

    listCheckpoints: call(helper, "ListCheckpoints", async ({ image }) => {
      const found = await requireCheckpoints(checkpoints).list(config.name, image);
      return { checkpoints: found.toReversed().map(toMessage) };
    }),
  };
}

/** Every call: not more of them than are allowed, and each refusal is written down with who asked. */
function call<Request, Response>(
  { host, session, calls }: Helper,
  name: string,
  work: (request: Request, signal: AbortSignal) => Promise<Response> | Response,
) {
  return unary<Request, Response>(host.log, async (request, _peer, gone) => {
    try {
      return await calls.run(gone, (signal) => work(request, signal));
    } catch (thrown) {
      const error = callError(thrown);
      session.noteRefusal(name, error);
      throw error;
    }
  });
}

async function whyNoCheckpoints(
  store: CheckpointStore | undefined,
  directory: string,
  tries: boolean,
): Promise<string | undefined> {
  if (store === undefined) return "its helper.yaml says nothing of checkpoints";
  return tries ? await store.whyNot(directory) : untried;
}

/** @param looks at the firewall too, which is a program to start */
async function whyNotDirect(session: Session, looks: boolean): Promise<string | undefined> {
  try {
    const { firewall } = session.directWay();
    if (looks) await firewall.requireTable();
    return undefined;
  } catch (error) {
    return callError(error).message;
  }
}

function requireCheckpoints(store: CheckpointStore | undefined): CheckpointStore {
  if (store !== undefined) return store;
  throw new LuksmithError("refused", "the backup host makes no checkpoints", {
    hint: "its administrator: checkpoints, in helper.yaml",
  });
}

function toMessage({ name, madeAt, bytes, allocatedBytes }: StoredCheckpoint) {
  return { name, madeAt, bytes, allocatedBytes };
}
