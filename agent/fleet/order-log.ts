/** Orders of the controller's as the machine's own records have them: who is said to ask, and each decision in the audit log. */

import { asLuksmithError } from "../../common/errors.ts";
import type { AuditLog, Granted, LineWeight } from "../audit/audit-log.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import type { Requester } from "../runs/context.ts";
import type { AllowedWord } from "./allowed-word.ts";
import { isOrderId, shownName } from "./orders.ts";

export interface OrderSubject {
  readonly volume: string;
  readonly job: string;
  readonly run: string;
}

/** They change nothing. */
const looking: readonly AllowedWord[] = ["status", "log", "snapshots", "ls"];
const root = 0;

export class OrderLog {
  readonly #audit: AuditLog;
  readonly #config: AgentConfig;

  constructor(audit: AuditLog, config: AgentConfig) {
    this.#audit = audit;
    this.#config = config;
  }

  volumeOf(job: string): string {
    return this.#config.jobs.get(job)?.volume ?? "";
  }

  /** The machine does it with root's rights; whose wish it was is the controller's word. */
  requester(controller: string, operator: string): { readonly caller: Requester } {
    const who = operator === "" ? "the fleet" : shownName(operator);
    return { caller: { uid: root, name: `${who} via ${shownName(controller)}` } };
  }

  grantedFor(orderId: string, word: AllowedWord): Granted {
    return { id: orderId, verb: word, pid: 0, weight: weightOf(word) };
  }

  /**
   * Writes down what is decided. What changes something is on the disk when this returns.
   * @param orderId of a dispatch or a query
   * @param check throws when it is to be refused
   * @throws what `check` throws; what the file system says when it is allowed and cannot be written down
   */
  decide(
    controller: string,
    operator: string,
    word: AllowedWord,
    subject: OrderSubject,
    orderId: string,
    check: () => void,
  ): { readonly caller: Requester } {
    const { caller } = this.requester(controller, operator);
    const { volume, job, run } = subject;
    const about = { volume: volume || this.volumeOf(job), job, run };
    const order = isOrderId(orderId) ? ` (order ${orderId})` : "";
    const write = (decision: "allowed" | "refused", reason: string) =>
      this.#audit.decided(
        {
          // no user of this machine: what a controller has written down is limited as theirs is
          uid: null,
          user: caller.name,
          pid: null,
          verb: word,
          ...about,
          sources: [],
          decision,
          reason: reason + order,
        },
        decision === "allowed" ? weightOf(word) : "looks",
      );
    try {
      check();
    } catch (error) {
      try {
        write("refused", asLuksmithError(error).message);
      } catch {
        // the audit log has complained of it, and nothing is done
      }
      throw error;
    }
    const id = write("allowed", `controller.allow has ${word}`);
    if (weightOf(word) === "changes") this.#audit.flush();
    return { caller: { ...caller, granted: { id, verb: word, pid: 0, weight: weightOf(word) } } };
  }
}

function weightOf(word: AllowedWord): LineWeight {
  return looking.includes(word) ? "looks" : "changes";
}
