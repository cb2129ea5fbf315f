/** The answer of ReadFile: the file's bytes on standard output, and nothing else. */

import { LuksmithError } from "../../common/errors.ts";
import type { ReadFileRequest } from "../../proto/gen/luksmith/v1/looking.ts";
import type { Session } from "../session.ts";
import { showStream } from "./stream.ts";

/** @param force whatever is in it, to a terminal as well @throws {LuksmithError} "usage" for what is nothing for a terminal */
export async function showContent(session: Session, request: ReadFileRequest, force: boolean): Promise<void> {
  const text = session.terminal.stdoutIsTerminal && !force ? new TextWatch() : undefined;
  await showStream(session, session.agent.readFile(request, session.stop), async (data: Buffer) => {
    text?.require(data);
    session.terminal.out(data);
    await session.terminal.outDrained();
  });
}

/** What a terminal would take for a command, as bytes of UTF-8; line feed, tab, carriage return and form feed are text. */
const command = /[^\P{Cc}\n\t\r\f]/u;

/** Looks at a file as it comes, in pieces. */
export class TextWatch {
  readonly #decoder = new TextDecoder("utf-8", { fatal: true });

  /** @throws {LuksmithError} "usage" */
  require(data: Uint8Array): void {
    if (this.#isText(data)) return;
    throw new LuksmithError("usage", "the file is not plain text, which is nothing for a terminal", {
      hint: "send it to a file or a program, or add --force",
    });
  }

  #isText(data: Uint8Array): boolean {
    try {
      return !command.test(this.#decoder.decode(data, { stream: true }));
    } catch {
      return false;
    }
  }
}
