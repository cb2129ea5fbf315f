/** What setup does, as data: shown by a dry run, carried out by another one. */

import type { Left, Made } from "./manifest.ts";

export type Action =
  /** The whole content of a file, put in its place at once. */
  | {
      readonly kind: "file";
      readonly path: string;
      readonly content: string;
      readonly mode: number;
      readonly before?: string;
      readonly check?: "sudo" | "sshd";
    }
  /** A program, too large to be shown. */
  | { readonly kind: "copy"; readonly from: string; readonly path: string; readonly mode: number }
  | { readonly kind: "directory"; readonly path: string; readonly mode: number; readonly owner?: string }
  /** Its owner and mode, of nothing that is in it. */
  | { readonly kind: "own"; readonly path: string; readonly mode: number; readonly owner: string }
  | { readonly kind: "remove"; readonly path: string }
  /** Only if it is empty, which is seen when it is done. */
  | { readonly kind: "remove-directory"; readonly path: string }
  | { readonly kind: "nothing" }
  | {
      readonly kind: "command";
      readonly argv: readonly string[];
      readonly hint?: string;
      readonly env?: Readonly<Record<string, string>>;
      readonly asUser?: string;
      /** Whether it worked or not. */
      readonly mayFail?: boolean;
    };

export interface Step {
  /** In words, as what is done: "make the user lm-web01". */
  readonly says: string;
  /** It looks whether something is as it should be, and changes nothing. */
  readonly looks?: boolean;
  readonly action: Action;
  /** Written down before it is done. */
  readonly registers?: readonly Made[];
  /** Struck out when it is done. */
  readonly strikes?: readonly Made[];
  /** Files of a machine that is gone, written down before; and what is hers again, struck out after. */
  readonly leaves?: Left;
  readonly takesUp?: string;
}

export interface Plan {
  readonly steps: readonly Step[];
  /** What the administrator should know besides. */
  readonly notes: readonly string[];
}
