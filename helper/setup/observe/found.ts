/** A host as setup finds it: all that a plan is made of. */

import type { Manifest } from "../manifest.ts";

export interface Account {
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
  readonly shell: string;
}

export interface FoundFile {
  /** The permission bits. */
  readonly mode: number;
  readonly uid: number;
  readonly sha256: string;
  /** Undefined for what is too large to be a text of ours. */
  readonly text: string | undefined;
}

export interface FoundDirectory {
  readonly mode: number;
  readonly uid: number;
  readonly names: readonly string[];
}

/** A program that setup copies: where it is now, and what it is. */
export interface Source {
  readonly path: string;
  readonly sha256: string;
}

export interface Sources {
  readonly node: Source;
  readonly bundle: Source;
  readonly gate: Source;
}

/** What can keep a machine from filling the storage, if anything can. */
export type Quota =
  | { readonly kind: "user"; readonly mount: string; readonly limitBytes: number | undefined }
  | {
      readonly kind: "btrfs";
      readonly mount: string;
      readonly limitBytes: number | undefined;
      readonly isSubvolume: boolean;
    }
  | { readonly kind: "none"; readonly why: string };

export interface Found {
  readonly packages: ReadonlySet<string>;
  readonly user: Account | undefined;
  /** Processes that run as that user now. */
  readonly busy: number;
  readonly files: ReadonlyMap<string, FoundFile>;
  readonly directories: ReadonlyMap<string, FoundDirectory>;
  /** Paths where something is that is neither. */
  readonly others: ReadonlySet<string>;
  readonly manifest: Manifest;
  readonly sources: Sources;
  readonly systemd: boolean;
  /** How sshd is told to read its configuration again; undefined when none is seen to run. */
  readonly sshd: { readonly unit: string } | { readonly pid: number } | undefined;
  readonly enabledUnits: ReadonlySet<string>;
  readonly firewallStands: boolean;
  readonly quota: Quota;
  /** Users' numbers that somebody has. */
  readonly uids: ReadonlySet<number>;
}
