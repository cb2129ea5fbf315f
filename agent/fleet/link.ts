/** One stream to a controller, as those see it who have something to say. */

import type { ConnectRequest } from "../../proto/gen/luksmith/v1/fleet.ts";

export type Said = NonNullable<ConnectRequest["kind"]>;

export interface Link {
  /** As it calls itself, for people to read. */
  readonly controller: string;
  /** Resolves when the controller can take more; rejects when the stream has ended. */
  send(said: Said): Promise<void>;
  /** Aborted when the stream has ended. */
  readonly gone: AbortSignal;
}
