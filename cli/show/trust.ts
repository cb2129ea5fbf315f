/** Trusting a backup host's key, as ssh(1) asks for it. */

import { LuksmithError } from "../../common/errors.ts";
import { escapeControls } from "../../common/quote.ts";
import type { HostKey, ScanRemoteResponse } from "../../proto/gen/luksmith/v1/agent.ts";
import { ask } from "../ask.ts";
import { byPreference, keyText, planTrust, remoteText, type TrustRequest } from "../host-key.ts";
import { remoteJson, remoteTrustedJson } from "../json.ts";
import type { Session } from "../session.ts";

export async function trustRemote(session: Session, remote: string, request: TrustRequest): Promise<void> {
  const scan = await session.waitFor("asking the backup host for its keys", session.agent.scanRemote({ remote }));
  session.result(
    () => [remoteJson(scan)],
    () => scanText(scan),
  );
  const plan = planTrust(scan, request);
  if (plan.do === "nothing") return sayTrusted(session, scan, plan.key, false);
  if (plan.do === "ask") await confirm(session, scan, plan.key);
  const answer = await session.waitFor(
    "asking the backup host again",
    session.agent.trustRemote({ remote, fingerprint: plan.key.fingerprint, replace: plan.replace }),
  );
  sayTrusted(session, scan, answer.trusted ?? plan.key, true);
}

export function scanText(scan: ScanRemoteResponse): string {
  const lines = [remoteText(scan)];
  for (const key of scan.trusted) lines.push(`  trusted  ${keyText(key)}`);
  for (const key of byPreference(scan.offered)) lines.push(`  offered  ${keyText(key)}`);
  return lines.map((line) => `${line}\n`).join("");
}

function sayTrusted(session: Session, scan: ScanRemoteResponse, key: HostKey, changed: boolean): void {
  const remote = escapeControls(scan.remote);
  session.result(
    () => [remoteTrustedJson(scan.remote, key, changed)],
    () => `${remote} ${changed ? "is trusted from now on" : "was trusted already"}: ${keyText(key)}\n`,
  );
}

/** Comes back only after a yes. */
async function confirm(session: Session, scan: ScanRemoteResponse, key: HostKey): Promise<void> {
  const { terminal } = session;
  const remote = escapeControls(scan.remote);
  if (session.json || !process.stdin.isTTY || !terminal.stderrIsTerminal) {
    throw new LuksmithError("usage", `nobody is here to say whether the key of ${remote} is right`, {
      hint: `compare it on the backup host (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), then: luksmith remote trust ${remote} --fingerprint SHA256:...`,
    });
  }
  terminal.errLine("Compare it on the backup host: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub");
  const answer = await ask(
    process.stdin,
    (again) =>
      terminal.prompt(
        again
          ? "Please type yes, no or the fingerprint: "
          : `Trust ${keyText(key)} for ${remote} from now on (yes/no/fingerprint)? `,
      ),
    (line) => (line === "yes" || line === key.fingerprint ? true : line === "no" ? false : undefined),
    session.stop,
  );
  if (answer === undefined) terminal.errLine("");
  session.stop.throwIfAborted();
  if (answer === true) return;
  throw new LuksmithError("cancelled", `${remote} is not trusted: you did not say yes`);
}
