import { unary } from "../../common/grpc-call.ts";
import type { AgentServiceServer } from "../../proto/gen/luksmith/v1/agent.ts";
import { checkRemote } from "../remote/check/check-remote.ts";
import { publicKeyOf } from "../remote/public-key.ts";
import { trustedKeys, trustKey } from "../remote/trust.ts";
import { scanHostKeys } from "../tools/ssh-keyscan.ts";
import { findRemote } from "../volume/target.ts";
import type { Agent } from "./agent.ts";

type Handlers = Pick<AgentServiceServer, "scanRemote" | "trustRemote" | "describeRemote" | "checkRemote">;

const scanDeadlineMs = 30_000;
const checkDeadlineMs = 240_000;

export function remoteHandlers({ access, config, host }: Agent): Handlers {
  const { log } = host;
  const toKey = ({ type, fingerprint }: { type: string; fingerprint: string }) => ({ type, fingerprint });
  return {
    scanRemote: unary(log, async ({ remote: name }, peer) => {
      await access.authorize(peer, "trust", {});
      const remote = findRemote(config, name);
      const [offered, trusted] = await Promise.all([
        scanHostKeys(host.exec, remote.host, remote.port, AbortSignal.timeout(scanDeadlineMs)),
        trustedKeys(host, remote),
      ]);
      return {
        remote: name,
        host: remote.host,
        port: remote.port,
        offered: offered.map(toKey),
        trusted: trusted.map(toKey),
      };
    }),

    trustRemote: unary(log, async ({ remote: name, fingerprint, replace }, peer) => {
      const caller = await access.authorize(peer, "trust", {});
      const remote = findRemote(config, name);
      const trusted = await trustKey(host, remote, fingerprint, replace, AbortSignal.timeout(scanDeadlineMs));
      log.info({ remote: name, fingerprint, uid: caller.uid }, "host key trusted");
      return { trusted: toKey(trusted) };
    }),

    describeRemote: unary(log, async ({ remote: name }, peer) => {
      await access.authorize(peer, "trust", {});
      const remote = findRemote(config, name);
      const [publicKey, trusted] = await Promise.all([publicKeyOf(host.exec, remote), trustedKeys(host, remote)]);
      const { port, user, path } = remote;
      const hostKeys = trusted.map(({ type, blob }) => `${type} ${blob}`);
      return { remote: name, host: remote.host, port, user, path, publicKey, hostKeys };
    }),

    checkRemote: unary(log, async ({ remote: name }, peer) => {
      await access.authorize(peer, "trust", {});
      const remote = findRemote(config, name);
      return { findings: await checkRemote(host, remote, AbortSignal.timeout(checkDeadlineMs)) };
    }),
  };
}
