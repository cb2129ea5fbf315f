import { dirname } from "node:path";
import type { SetupRequest } from "../../../common/setup-request.ts";
import { defaultHelperConfigPath, parseHelperConfig } from "../../config/helper-config.ts";
import { withMachine } from "../config-edit.ts";
import type { Made } from "../manifest.ts";
import type { Found } from "../observe/found.ts";
import type { Step } from "../step.ts";
import { wantDirectory, wantFile } from "./want.ts";

const path = defaultHelperConfigPath;

/** helper.yaml, which may have been written by hand: with what is asked for, and all else as it is. */
export function planConfiguration(found: Found, request: SetupRequest, directory: string): Step[] {
  const { machine, direct, checkpoints } = request;
  const text = found.files.get(path)?.text;
  const before = text === undefined ? undefined : parseHelperConfig(text, path);
  const content = withMachine(
    text,
    path,
    { name: machine, directory, trustedWire: direct?.from },
    { directAddress: direct?.to, checkpoints },
  );
  const made: Made[] = before?.machines.has(machine) ? [] : [{ what: "machine", of: machine }];
  // one that has been written by hand keeps its mode, as long as nobody else could write it
  const there = found.files.get(path)?.mode ?? 0o600;
  const mode = (there & 0o022) === 0 ? there : 0o600;
  return [
    ...wantDirectory(found, null, dirname(path), 0o755),
    ...wantFile(found, { of: null, path, content, mode, says: `tell the helper of ${machine}` }).map(
      (step): Step => ({ ...step, registers: [...(step.registers ?? []), ...made] }),
    ),
    ...(checkpoints === undefined ? [] : wantDirectory(found, null, checkpoints, 0o700)),
  ];
}
