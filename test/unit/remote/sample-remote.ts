/** A remote as the configuration gives it, complete, for tests to vary. */

import type { RemoteConfig } from "../../../agent/config/remote.ts";

export const sampleRemote = {
  name: "vault",
  host: "vault.example.net",
  port: 2222,
  user: "lm-web01",
  path: "images",
  identity: "/etc/luksmith/ssh/id_ed25519",
  transport: "auto",
  trustedWire: false,
  connectTimeoutMs: 20_000,
  stallTimeoutMs: 60_000,
  leaseMs: 300_000,
} as const satisfies RemoteConfig;
