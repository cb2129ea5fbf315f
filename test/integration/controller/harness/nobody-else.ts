/** A controller's streams by themselves: nobody counts, nobody pings. */

import type { JournalEvents } from "../../../../controller/stream/journal.ts";

export const nobodyElse: JournalEvents = {
  recording: async () => () => undefined,
  written: () => undefined,
  failed: () => undefined,
};
