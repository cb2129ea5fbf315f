/** The firewall of direct exports, by nft(8). Whatever cannot be applied, or is not as it was made, lets nothing through. */

import { LuksmithError } from "../../common/errors.ts";
import { type Exec, mustRun } from "../../common/exec.ts";
import { isTableIntact } from "./firewall-listing.ts";
import {
  type Admission,
  type PortRange,
  renderAdmission,
  renderDismissal,
  renderRenewal,
  renderTable,
  tableName,
} from "./firewall-rules.ts";

const deadlineMs = 20_000;
/** How long an admission outlives the helper that made it, should that be killed. */
const admissionSeconds = 15;
export const renewalMs = 5000;

export class Firewall {
  readonly #exec: Exec;
  readonly #ports: PortRange;

  constructor(exec: Exec, ports: PortRange) {
    this.#exec = exec;
    this.#ports = ports;
  }

  /** See {@link renderTable}. */
  async apply(): Promise<void> {
    await this.#apply(renderTable(this.#ports));
  }

  /** @throws {LuksmithError} "refused" when the table is not there, or not what setup has made */
  async requireTable(): Promise<void> {
    const listed = await this.#exec({
      file: "nft",
      args: ["-j", "list", "table", "inet", tableName],
      deadlineMs,
    });
    if (listed.exitCode !== 0) throw broken(`cannot be listed: ${firstLine(listed.stderr)}`);
    if (!isTableIntact(listed.stdout.toString(), this.#ports)) throw broken("is not what it was made as");
  }

  /** @returns false when another session has the port @throws {LuksmithError} "tool_failed" */
  async admit(admission: Admission): Promise<boolean> {
    const finished = await this.#exec({
      file: "nft",
      args: ["-f", "-"],
      stdin: renderAdmission(admission, admissionSeconds),
      deadlineMs,
    });
    if (finished.exitCode === 0) return true;
    if (finished.stderr.includes("File exists")) return false;
    throw new LuksmithError("tool_failed", `the firewall does not let the machine in: ${firstLine(finished.stderr)}`, {
      hint: "on the backup host: luksmith-helper firewall check",
      cause: finished,
    });
  }

  async renew(admission: Admission): Promise<void> {
    await this.#apply(renderRenewal(admission, admissionSeconds));
  }

  async dismiss(admission: Admission): Promise<void> {
    await this.#apply(renderDismissal(admission));
  }

  async #apply(stdin: string): Promise<void> {
    await mustRun(this.#exec, { file: "nft", args: ["-f", "-"], stdin, deadlineMs });
  }
}

function broken(how: string): LuksmithError {
  return new LuksmithError("refused", `the firewall's table ${tableName} on the backup host ${how}`, {
    hint: "its administrator: luksmith-helper firewall apply; until then, exports go through the tunnel",
  });
}

/** nft prints what is wrong first, and then where. */
function firstLine(stderr: string): string {
  return stderr.split("\n")[0] ?? "";
}
