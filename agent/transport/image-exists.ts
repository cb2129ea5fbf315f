import { basename } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import type { RemoteConfig } from "../config/remote.ts";

/** @param image its name, or a path that ends in it */
export function imageExists({ name }: RemoteConfig, image: string): LuksmithError {
  return new LuksmithError("exists", `there is an image ${basename(image)} on ${name} already`, {
    hint: "luksmith never overwrites one: choose another name, or move it away on the backup host",
  });
}
