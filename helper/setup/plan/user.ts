import { LuksmithError } from "../../../common/errors.ts";
import type { SetupRequest } from "../../../common/setup-request.ts";
import type { Found } from "../observe/found.ts";
import { homePath, launcherPath } from "../paths.ts";
import type { Step } from "../step.ts";
import { wantDirectory } from "./want.ts";

/** sshd starts the gate by it: it has to be one, and to read nothing of the user's. */
const shell = "/bin/sh";
const shells = [shell, "/bin/dash", "/usr/bin/dash", "/usr/bin/sh"];

/** Without a password, and with a home that is root's. */
export function planUser(found: Found, request: SetupRequest, directory: string): Step[] {
  const { machine } = request;
  const { user } = found;
  const isOurs = found.manifest.made.some((made) => made.what === "user" && made.name === machine);
  if (user === undefined) {
    const earlier = found.manifest.left.find((left) => left.machine === machine && left.directory === directory);
    const uid = earlier === undefined || found.uids.has(earlier.uid) ? [] : ["--uid", `${earlier.uid}`];
    return [
      ...wantDirectory(found, null, homePath, 0o755),
      {
        says: `make the user ${machine}, who has no password, and no home to write in`,
        action: {
          kind: "command",
          // "*" is a password that nothing matches; "!" would lock the account for keys as well
          argv: [
            "useradd",
            "--user-group",
            ...uid,
            "--home-dir",
            homePath,
            "--no-create-home",
            "--shell",
            shell,
            "--password",
            "*",
            machine,
          ],
        },
        registers: [{ what: "user", of: machine, name: machine }],
      },
    ];
  }
  if (user.uid === 0) throw new LuksmithError("refused", `${machine} is root by another name`);
  const isKnown = found.manifest.made.some(({ of }) => of === machine);
  if (!isOurs && !isKnown && !request.adoptUser) {
    throw new LuksmithError("refused", `there is a user ${machine} on the backup host already`, {
      hint: "if that is this machine's alone, add --adopt-user: from then on it can only do SFTP and start the helper",
    });
  }
  if (shells.includes(user.shell)) return [];
  return [
    {
      says: `give ${machine} the shell ${shell}, by which sshd starts the gate`,
      action: { kind: "command", argv: ["usermod", "--shell", shell, machine] },
      registers: [{ what: "shell", of: machine, name: machine, before: user.shell }],
    },
  ];
}

/** @throws {LuksmithError} "denied" */
export function requireAdministrator(found: Found, caller: string, machines: Iterable<string>): void {
  const isMachine = [...machines].includes(caller) || found.manifest.made.some(({ of }) => of === caller);
  if (!isMachine) return;
  throw new LuksmithError("denied", `${caller} is a machine of this backup host, and not its administrator`, {
    hint: `a machine may start nothing but ${launcherPath} serve`,
  });
}
