import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import { no, ok } from "./finding.ts";
import { outputOf, Trial } from "./trial.ts";

const subject = "nothing outside";
/** Of every Unix system's root. */
const systemNames = ["etc", "usr", "var", "root"];

/**
 * Whether SFTP leads out of the machine's directory: by listing, reading, writing. A root that is the directory itself
 * (ChrootDirectory) is as good as one that cannot be seen.
 */
export async function sftpOutside(trial: Trial): Promise<RemoteFinding> {
  const word = Trial.word();
  const passwd = join(trial.directory, "passwd");
  const listings = ["-ls -1 /", "-ls -1 /etc", "-ls -1 /home", "-ls -1 /srv"];
  const { stdout } = await trial.sftp([
    "pwd",
    ...listings,
    "-ls -1 ..",
    `-get /etc/passwd ${passwd}`,
    // where everybody may write
    ...["/tmp", "/var/tmp", "/dev/shm"].map((place) => `-mkdir ${place}/${word}`),
    ...["/tmp", "/var/tmp", "/dev/shm"].map((place) => `-rmdir ${place}/${word}`),
    "-ls -1 /tmp",
  ]);
  const said = stdout.toString();
  const seen = (command: string) => outputOf(said, command).map((line) => line.replace(/^.*\//, ""));
  const isConfinedRoot = !seen("-ls -1 /").some((name) => systemNames.includes(name));
  const places = isConfinedRoot
    ? []
    : listings.filter((command) => seen(command).length > 0).map((command) => command.replace("-ls -1 ", ""));
  if (places.length > 0) return outside(`can list ${places.join(", ")}`);
  const [login = ""] = outputOf(said, "pwd");
  const above = seen("-ls -1 ..");
  const isRoot = login.endsWith(": /");
  if (!isRoot && above.length > 0) return outside("can list what is above it");
  const accounts = await readFile(passwd, "utf8").catch(() => "");
  // a sandbox has one that knows the machine's user alone
  if (accounts.trimEnd().includes("\n")) return outside("can read /etc/passwd");
  return ok(subject, "SFTP gets to nothing but the machine's directory");
}

function outside(how: string): RemoteFinding {
  return no(
    subject,
    `SFTP ${how}`,
    "luksmith remote setup puts it into a sandbox; by hand: ChrootDirectory, in sshd_config",
  );
}
