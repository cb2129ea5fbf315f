import { LuksmithError } from "../../common/errors.ts";
import { formatBytes } from "../../common/units.ts";

/** @throws {LuksmithError} "tampered" when the host shows less than there was */
export function requireBytes(image: string, remote: string, found: number, expected: number): void {
  if (found >= expected) return;
  const how = `has been truncated: ${formatBytes(found)} are there of ${formatBytes(expected)}`;
  throw new LuksmithError("tampered", `the image ${image} on ${remote} ${how}`, {
    hint: "look at it on the backup host; nothing was opened",
  });
}
