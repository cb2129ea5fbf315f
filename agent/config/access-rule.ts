/** A rule of `access`: who may do what with which volumes and jobs. Whatever no rule grants is refused. */

import * as z from "zod";
import { accountSchema, nameOrAllSchema } from "../../common/config/names.ts";
import { type AccessVerb, accessVerbNames, accessVerbs } from "../access/verb.ts";
import { uniqueList } from "./unique-list.ts";

export interface AccessRule {
  readonly users: readonly string[];
  readonly groups: readonly string[];
  /** Names, or "*". A volume stands for its jobs too. */
  readonly volumes: readonly string[];
  /** Names, or "*". A job does not stand for its volume. */
  readonly jobs: readonly string[];
  readonly allow: readonly AccessVerb[];
}

export const accessRuleSchema = z
  .strictObject({
    users: uniqueList(accountSchema).default([]).describe("Users of this machine"),
    groups: uniqueList(accountSchema).default([]).describe("Groups of this machine"),
    volumes: uniqueList(nameOrAllSchema).default([]).describe('Volumes with all their jobs; "*" for all'),
    jobs: uniqueList(nameOrAllSchema).default([]).describe('Single jobs; "*" for all'),
    allow: uniqueList(z.enum(accessVerbNames)).min(1).describe("What they may do"),
  })
  .superRefine(
    (rule, context) => {
      if (rule.users.length + rule.groups.length === 0) {
        context.addIssue({ code: "custom", message: "names neither users nor groups, so it grants nothing to anyone" });
      }
      for (const [index, verb] of rule.allow.entries()) {
        const missing = missingTarget(verb, rule);
        if (missing !== undefined) {
          context.addIssue({
            code: "custom",
            path: ["allow", index],
            message: `grants nothing: ${verb} is about ${missing}, and this rule names none`,
          });
        }
      }
    },
    // even when some of the entries have faults of their own
    { when: ({ value }) => isRuleShaped(value) },
  );

function isRuleShaped(value: unknown): boolean {
  return (
    typeof value === "object" &&
    value !== null &&
    ["users", "groups", "volumes", "jobs", "allow"].every((key) => Array.isArray(Reflect.get(value, key)))
  );
}

function missingTarget(verb: AccessVerb, rule: { volumes: string[]; jobs: string[] }): string | undefined {
  // an unknown verb has a fault of its own
  if (!Object.hasOwn(accessVerbs, verb)) return undefined;
  const { target } = accessVerbs[verb];
  if (target === "none" || rule.volumes.length > 0) return undefined;
  if (target === "volume" || verb === "volumes") return "volumes";
  return rule.jobs.length > 0 ? undefined : "volumes or jobs";
}
