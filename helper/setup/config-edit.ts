/** helper.yaml with one machine more or less, and all that others have written in it left as it is. Pure. */

import { type Document, isMap, parseDocument } from "yaml";
import { LuksmithError } from "../../common/errors.ts";
import { type HelperConfig, parseHelperConfig } from "../config/helper-config.ts";
import { runtimeDirectory } from "./paths.ts";

export interface MachineEntry {
  readonly name: string;
  readonly directory: string;
  /** An address from which it may be served in the clear, besides those there are. */
  readonly trustedWire: string | undefined;
}

export interface Sections {
  readonly directAddress: string | undefined;
  readonly checkpoints: string | undefined;
}

const beginning = `# luksmith-helper: the machines of this backup host, and what each may do.
# luksmith-helper check-config says what is wrong with it, luksmith-helper config-schema all that may stand in it.
`;

/**
 * @param text undefined when there is no file yet
 * @throws {LuksmithError} "config" when the file that is there is not in order, or what comes of it would not be
 */
export function withMachine(text: string | undefined, path: string, entry: MachineEntry, sections: Sections): string {
  const before = text === undefined ? undefined : parseHelperConfig(text, path);
  const document = parseDocument(text ?? beginning);
  if (!isMap(document.contents)) document.contents = document.createNode({}) as unknown as typeof document.contents;
  const known = before?.machines.get(entry.name);
  const at = ["machines", entry.name];
  if (known === undefined) setBlock(document, at, { directory: entry.directory });
  else if (known.directory !== entry.directory) document.setIn([...at, "directory"], entry.directory);
  const wires = known?.trustedWires ?? [];
  if (entry.trustedWire !== undefined && !wires.some((wire) => wire.contains(entry.trustedWire ?? ""))) {
    setFlow(document, [...at, "trustedWire"], [...wires.map((wire) => wire.text), entry.trustedWire]);
  }
  if (sections.directAddress !== undefined && before?.direct === undefined) {
    setBlock(document, ["direct"], { address: sections.directAddress });
  }
  if (sections.checkpoints !== undefined) {
    const { directory } = before?.checkpoints ?? {};
    if (directory === undefined) setBlock(document, ["checkpoints"], { directory: sections.checkpoints });
    else if (directory !== sections.checkpoints) {
      throw new LuksmithError(
        "refused",
        `checkpoints are in ${directory} on this backup host, not in ${sections.checkpoints}`,
        {
          hint: `checkpoints.directory, in ${path}: all machines share it`,
        },
      );
    }
  }
  const made = document.toString({ lineWidth: 0 });
  const after = parseHelperConfig(made, path);
  requireRuntimeDirectory(after, path);
  // nothing to say: not even in another spelling
  return text !== undefined && isSame(before, after) ? text : made;
}

/** @returns undefined when no machine is left, which the configuration cannot be without */
export function withoutMachine(text: string, path: string, name: string): string | undefined {
  const before = parseHelperConfig(text, path);
  const others = [...before.machines.keys()].filter((other) => other !== name);
  if (others.length === 0) return undefined;
  if (!before.machines.has(name)) return text;
  const document = parseDocument(text);
  document.deleteIn(["machines", name]);
  const made = document.toString({ lineWidth: 0 });
  parseHelperConfig(made, path);
  return made;
}

/** The gate has to find the sockets of exports where they are. */
function requireRuntimeDirectory({ runtimeDir }: HelperConfig, path: string): void {
  if (runtimeDir === runtimeDirectory) return;
  throw new LuksmithError("refused", `${path} names ${runtimeDir} as its runtimeDir, of which the gate knows nothing`, {
    hint: `leave runtimeDir out: it is ${runtimeDirectory} then`,
  });
}

function isSame(one: HelperConfig | undefined, other: HelperConfig): boolean {
  const plain = (config: HelperConfig | undefined) =>
    JSON.stringify(config && { ...config, machines: [...config.machines].map(([name, machine]) => [name, machine]) });
  return plain(one) === plain(other);
}

/** In lines of its own, unless what is around it is in braces. */
function setBlock(document: Document, at: readonly string[], value: Readonly<Record<string, string>>): void {
  document.setIn(at, document.createNode(value));
}

function setFlow(document: Document, at: readonly string[], value: readonly string[]): void {
  document.setIn(at, document.createNode(value, { flow: true }));
}
