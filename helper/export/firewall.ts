/** The firewall of direct exports, by nft(8). Whatever cannot be applied, or is not as it was made, lets nothing through. */

import { asLuksmithError, LuksmithError } from "../../common/errors.ts";
import { type Exec, type Finished, lastWords, mustRun } from "../../common/exec.ts";
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

/** ENOENT, in the words of the C locale. */
const isNotThere = "No such file or directory";
/** How long an admission outlives the helper that made it, should that be killed. */
const admissionSeconds = 20;
export const renewalMs = 5000;
/** A renewal is two calls, and it is known that they failed before the admission is over. */
const deadlineMs = 6000;
/** Whoever applies the table waits, and nothing lapses meanwhile. */
const applyDeadlineMs = 30_000;

export class Firewall {
  readonly #exec: Exec;
  readonly #ports: PortRange;

  constructor(exec: Exec, ports: PortRange) {
    this.#exec = exec;
    this.#ports = ports;
  }

  /**
   * Makes the table what it should be; one that is, is left alone. See {@link renderTable}.
   * @param taken asked when the table is to be replaced: the ports that servers have now
   */
  async apply(taken: () => Promise<readonly number[]>): Promise<void> {
    if ((await this.#whyBroken()) === undefined) return;
    const stdin = renderTable(this.#ports, await taken(), admissionSeconds);
    await mustRun(this.#exec, { file: "nft", args: ["-f", "-"], stdin, deadlineMs: applyDeadlineMs });
  }

  /** @throws {LuksmithError} "refused" when the table is not there, or not what setup has made */
  async requireTable(): Promise<void> {
    const why = await this.#whyBroken();
    if (why === undefined) return;
    throw new LuksmithError("refused", `the firewall's table ${tableName} on the backup host ${why}`, {
      hint: "its administrator: luksmith-helper firewall apply; until then, exports go through the tunnel",
    });
  }

  /** @returns false while the port is still another's @throws {LuksmithError} "tool_failed" */
  async admit(admission: Admission): Promise<boolean> {
    const finished = await this.#tell(renderAdmission(admission, admissionSeconds));
    if (finished.exitCode === 0) return true;
    if (finished.stderr.includes("File exists")) return false;
    throw failed("does not let the machine in", finished);
  }

  /** @throws {LuksmithError} when the table is not what it was made as any more, or the admission is not there */
  async renew(admission: Admission): Promise<void> {
    await this.requireTable();
    const finished = await this.#tell(renderRenewal(admission, admissionSeconds));
    if (finished.exitCode !== 0) throw failed("no longer lets the machine in", finished);
  }

  /** What nobody has let in, or in no table, is out. */
  async dismiss(admission: Admission): Promise<void> {
    const finished = await this.#tell(renderDismissal(admission));
    if (finished.exitCode === 0 || finished.stderr.includes(isNotThere)) return;
    throw failed("still lets the machine in", finished);
  }

  async #whyBroken(): Promise<string | undefined> {
    const list = { file: "nft", args: ["-j", "list", "table", "inet", tableName], deadlineMs };
    const listed = await this.#exec(list).catch((error: unknown) => asLuksmithError(error));
    // there is no nft, or it hangs
    if (listed instanceof LuksmithError) return `cannot be listed: ${listed.message}`;
    if (listed.exitCode !== 0) {
      return listed.stderr.includes(isNotThere) ? "is not there" : `cannot be listed: ${firstLine(listed)}`;
    }
    return isTableIntact(listed.stdout.toString(), this.#ports) ? undefined : "is not what it was made as";
  }

  #tell(stdin: string): Promise<Finished> {
    return this.#exec({ file: "nft", args: ["-f", "-"], stdin, deadlineMs, silent: true });
  }
}

function failed(how: string, finished: Finished): LuksmithError {
  return new LuksmithError("tool_failed", `the firewall ${how}: ${firstLine(finished)}`, {
    hint: "on the backup host: luksmith-helper firewall check",
    cause: finished,
  });
}

/** nft prints what is wrong first, and then where. */
function firstLine(finished: Finished): string {
  return finished.stderr.split("\n")[0] || lastWords(finished);
}
