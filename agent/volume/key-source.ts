/** The key that the agent opens a volume with: from a file, from a program of the operator's, or from systemd. */

import { join } from "node:path";
import { LuksmithError } from "../../common/errors.ts";
import { type Exec, lastWords } from "../../common/exec.ts";
import type { Argv } from "../config/command.ts";
import type { KeySource } from "../config/volume.ts";
import { keyLimitBytes, readKeyFile } from "./key-file.ts";

/** It may have to ask a server, or a chip. */
const commandDeadlineMs = 60_000;

/** @throws {LuksmithError} "config" and "tool_failed" name where it should have come from, never what did */
export async function readKey(exec: Exec, source: KeySource, signal?: AbortSignal): Promise<Buffer> {
  switch (source.from) {
    case "file":
      return readKeyFile(source.path);
    case "command":
      return readKeyCommand(exec, source.argv, signal);
    case "credential":
      return readKeyFile(credentialPath(source.name));
  }
}

/** "/etc/luksmith/keys/home.key", "what /usr/local/bin/key prints", "the credential home": for people. */
export function keySourceText(source: KeySource): string {
  switch (source.from) {
    case "file":
      return source.path;
    case "command":
      return `what ${source.argv[0]} prints`;
    case "credential":
      return `the credential ${source.name}`;
  }
}

/** Source: systemd.exec(5), "Credentials": the directory is in $CREDENTIALS_DIRECTORY, of the service alone. */
export function credentialPath(name: string): string {
  const directory = process.env.CREDENTIALS_DIRECTORY;
  if (directory?.startsWith("/")) return join(directory, name);
  throw new LuksmithError("config", `the agent has no credential ${name}: systemd has given it none`, {
    hint: `systemctl edit luksmith-agent, with LoadCredential=${name}:/path/of/the/key below [Service]`,
  });
}

/** What it prints never becomes part of an error, since the log has those with their causes. */
async function readKeyCommand(exec: Exec, [file, ...args]: Argv, signal?: AbortSignal): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  const onStdout = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > keyLimitBytes) throw new LuksmithError("config", `${file} printed more than a key: over 8 MiB`);
    pieces.push(chunk);
  };
  try {
    const command = { file, args, onStdout, endsItsGroup: true, deadlineMs: commandDeadlineMs, signal };
    const finished = await exec(command);
    if (finished.exitCode !== 0) {
      throw new LuksmithError("tool_failed", `${file}, which prints the key, failed: ${lastWords(finished)}`, {
        hint: "it is run as root, with the PATH and the rights of the agent's service, and nothing on standard input",
      });
    }
    if (bytes === 0) throw new LuksmithError("config", `${file} printed no key`);
    return Buffer.concat(pieces);
  } finally {
    for (const piece of pieces) piece.fill(0);
  }
}
