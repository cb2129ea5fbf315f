/** A program that the agent runs for the operator: a hook, or what prints a key. */

import * as z from "zod";
import { absolutePathFault } from "../../common/config/names.ts";

/** An argument vector: the program by its absolute path, then its arguments. Never given to a shell. */
export type Argv = readonly [string, ...string[]];

const argumentSchema = z.string().refine((text) => !text.includes("\0"), { error: "must not contain a NUL" });

const programFault = (path: string | undefined): string | undefined => {
  const fault = absolutePathFault(path ?? "");
  if (fault === "must be an absolute path") {
    return "must be the absolute path of a program; it is not split and no shell reads it: [/path/to/program, argument]";
  }
  return fault;
};

export const commandSchema = z
  .union(
    [
      z.string().superRefine((path, context) => {
        const fault = programFault(path);
        if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
      }),
      z
        .array(argumentSchema)
        .min(1)
        .superRefine((argv, context) => {
          const fault = argv.length === 0 ? undefined : programFault(argv[0]);
          if (fault !== undefined) context.addIssue({ code: "custom", path: [0], message: fault });
        }),
    ],
    { error: "must be the absolute path of a program, or a list of it and its arguments" },
  )
  .transform((value): Argv => {
    if (typeof value === "string") return [value];
    const [program = "", ...args] = value;
    return [program, ...args];
  });
