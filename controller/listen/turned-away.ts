/** Certificates of the fleet that did not count, on record: whoever has shown one has its key. */

import type { Clock } from "../../common/clock.ts";
import type { Log } from "../../common/log.ts";
import { addAudit } from "../store/audit.ts";
import type { Store } from "../store/store.ts";
import { Allowances } from "./allowances.ts";
import type { TurnedAway } from "./listen.ts";
import { refusalError } from "./refusal.ts";

/** A machine that was revoked tries again every few minutes, and nobody needs to read that each time. */
const each = { perMinute: 1 / 60, atOnce: 3 };
/** Of all together: they must not fill the database. */
const all = { perMinute: 10, atOnce: 100 };

/** @returns what hears of each of them; what cannot be stored is in the log at least */
export function recordTurnedAway(store: Store, clock: Clock, log: Log): (who: TurnedAway) => void {
  const ofEach = new Allowances(clock, each);
  const ofAll = new Allowances(clock, all);
  return ({ refusal, claimed, address }) => {
    // what none of our authorities has signed may have any name in it; and that the database is away passes
    if (claimed === undefined || refusal === "unchecked") return;
    const target = `${claimed.kind} ${claimed.name}`;
    if (!ofEach.take(target) || !ofAll.take("")) return;
    const detail = `${refusalError(refusal).message}, from ${address}`;
    const line = { operator: "", action: "connect", target, allowed: false, detail };
    addAudit(store.database, { ...line, timeMs: clock.now().getTime() }).catch((error: unknown) =>
      log.warn({ err: error, target }, "a certificate that was refused is not on record"),
    );
  };
}
