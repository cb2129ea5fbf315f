import type { RemoteFinding } from "../../../proto/gen/luksmith/v1/agent.ts";
import { no, ok } from "./finding.ts";
import { Trial } from "./trial.ts";

const hint = "on the backup host: restrict, in front of the key, or DisableForwarding yes in sshd_config";
const asked = ["-o", "ClearAllForwardings=no", "-o", "ExitOnForwardFailure=yes"];
/** A port where it is seldom that somebody listens; whether somebody does makes no difference. */
const discardPort = 9;

/** Into the host's networks. */
export async function forwardsOut(trial: Trial): Promise<RemoteFinding> {
  const subject = "no way into its network";
  const { stderr } = await trial.ssh([...asked, "-W", `127.0.0.1:${discardPort}`], []);
  // what is let through would be told that nobody listens there
  if (/administratively prohibited/i.test(stderr)) return ok(subject, "connections from there are refused");
  return no(subject, "the key can connect to whatever the backup host can", hint);
}

/** Ports and sockets on the host that lead to this machine. */
export async function forwardsIn(trial: Trial): Promise<RemoteFinding[]> {
  const listens = async (subject: string, place: string, what: string) => {
    const { stderr } = await trial.ssh([...asked, "-R", `${place}:127.0.0.1:${discardPort}`], ["true"]);
    if (/remote port forwarding failed/i.test(stderr)) return ok(subject, "is refused");
    return no(subject, `the key can ${what} there`, hint);
  };
  return [
    await listens("no listening port", "127.0.0.1:0", "listen on ports"),
    await listens("no listening socket", `/tmp/${Trial.word()}`, "make sockets that lead here"),
  ];
}

export async function forwardsX11(trial: Trial): Promise<RemoteFinding> {
  const subject = "no X11";
  const { stderr } = await trial.ssh(["-o", "ForwardX11=yes", "-o", "ForwardX11Trusted=yes"], ["true"], "", {
    DISPLAY: "localhost:9",
  });
  if (/X11 forwarding request failed/i.test(stderr)) return ok(subject, "is refused");
  return no(subject, "the key gets X11 forwarded", hint);
}
