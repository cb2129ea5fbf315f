/**
 * The other end of `luksmith fleet`: the controller's own port with its own authority, and behind it a service that answers as a test
 * tells it to. The program under test comes through the real door, with a credential in a file.
 */

import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type OperatorFile, operatorFileText } from "../../../common/fleet/operator-file.ts";
import { ControllerServiceService } from "../../../proto/gen/luksmith/v1/controller.ts";
import { FleetScene, type FleetSceneOptions } from "../controller/harness/fleet-scene.ts";
import { type ScriptOf, scriptedService } from "./scripted-service.ts";

export type FleetScript = ScriptOf<typeof ControllerServiceService>;

export interface ScriptedController extends AsyncDisposable {
  readonly scene: FleetScene;
  /** A directory that goes with the controller. */
  readonly directory: string;
  /** Of the operator alice. */
  readonly credential: OperatorFile;
  /** Where that stands: LUKSMITH_FLEET. */
  readonly file: string;
  /** The options of a program that is to use it. */
  readonly env: Readonly<Record<string, string>>;
  /** The names of the calls that came, in order. */
  readonly calls: readonly string[];
}

export async function scriptedController(
  script: FleetScript,
  options: FleetSceneOptions = {},
): Promise<ScriptedController> {
  const calls: string[] = [];
  const scene = await FleetScene.start(
    () => [
      [
        ControllerServiceService,
        scriptedService(ControllerServiceService, script, (name) => calls.push(name)),
      ] as const,
    ],
    options,
  );
  const directory = await mkdtemp(join(tmpdir(), "luksmith-fleet-"));
  const { certificate, key } = await scene.operator("alice");
  const credential = { addresses: [scene.address], authorities: await scene.trusted(), certificate, key };
  const file = await writeCredential(directory, "fleet.yaml", credential);
  return {
    scene,
    directory,
    credential,
    file,
    env: { LUKSMITH_FLEET: file, HOME: directory },
    calls,
    [Symbol.asyncDispose]: async () => {
      await scene[Symbol.asyncDispose]();
      await rm(directory, { recursive: true });
    },
  };
}

/** @returns its path */
export async function writeCredential(directory: string, name: string, credential: OperatorFile): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, operatorFileText(credential));
  await chmod(path, 0o600);
  return path;
}
