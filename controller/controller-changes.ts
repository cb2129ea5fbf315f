/** A controller's place in the fleet, ended by an operator through another one. */

import type { Clock } from "../common/clock.ts";
import { LuksmithError } from "../common/errors.ts";
import { quoteText } from "../common/quote.ts";
import { hasCertificate, revokeCertificates } from "./store/certificates.ts";
import {
  listControllers,
  listRevokedControllers,
  type RevokedController,
  revokeController,
} from "./store/controllers.ts";
import type { Store } from "./store/store.ts";

export class ControllerChanges {
  readonly #store: Store;
  readonly #clock: Clock;
  /** Of the controller that answers. */
  readonly #own: string;

  constructor(store: Store, clock: Clock, own: string) {
    this.#store = store;
    this.#clock = clock;
    this.#own = own;
  }

  /**
   * Again for one that is revoked already. Its connections end at once, everywhere; if it is still ours, it ends by itself.
   * @throws {LuksmithError} "not_found"; "usage" for the one that answers, which would leave nobody to hear of it
   */
  async revoke(id: string, by: string): Promise<RevokedController> {
    if (id === this.#own) {
      throw new LuksmithError(
        "usage",
        `${quoteText(id)} is the controller that answers: another one has to revoke it`,
        {
          hint: "in your credential, put the address of another controller first",
        },
      );
    }
    const { database } = this.#store;
    const owner = { kind: "controller", name: id } as const;
    const revokedMs = this.#clock.now().getTime();
    const isThere = (await listControllers(database)).some((each) => each.id === id);
    const before = (await listRevokedControllers(database)).find((each) => each.id === id);
    if (before === undefined && !isThere && !(await hasCertificate(database, owner))) {
      throw new LuksmithError("not_found", `there is no controller ${quoteText(id)}`, {
        hint: "luksmith fleet controllers",
      });
    }
    await this.#store.transaction(async (transaction) => {
      await revokeController(transaction, { id, revokedMs, revokedBy: by });
      await revokeCertificates(transaction, owner, revokedMs);
    });
    this.#store.notices.tell("certificate", id);
    // machines are told
    this.#store.notices.tell("authority", id);
    return before ?? { id, revokedMs, revokedBy: by };
  }
}
