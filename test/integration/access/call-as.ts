/**
 * Asks an agent for its status as another user: call-as.ts SOCKET UID GID. Everything is loaded before the change of
 * user, because that one need not be able to read the source. Prints what came back, as JSON.
 */

import { credentials, Metadata } from "@grpc/grpc-js";
import { fromServiceError } from "../../../common/error-wire.ts";
import { AgentServiceClient } from "../../../proto/gen/luksmith/v1/agent.ts";

const [path = "", uid, gid] = process.argv.slice(2);
process.setgroups?.([]);
process.setgid?.(Number(gid));
process.setuid?.(Number(uid));

const root = "uid=0;gid=0;pid=1";
const client = new AgentServiceClient(`unix:${path}`, credentials.createInsecure(), {
  "grpc.default_authority": root,
  "grpc.primary_user_agent": root,
});
const metadata = new Metadata();
for (const key of ["uid", "gid", "pid", "peer", "remoteaddress", "forwarded", "x-forwarded-for", "x-real-ip"]) {
  metadata.set(key, key.length === 3 ? "0" : root);
}
client.getStatus({}, metadata, { deadline: Date.now() + 10_000 }, (error, response) => {
  const told = error && fromServiceError(error);
  const denied = told ? { code: told.code, message: told.message } : { code: error?.code, message: error?.details };
  process.stdout.write(JSON.stringify(error ? denied : { name: response.hostname, peer: response.configPath }));
  client.close();
});
