/** What may stand where in the configuration: every kind of name and path that it holds, checked at the door. */

import { isIPv6 } from "node:net";
import { posix } from "node:path";
import * as z from "zod";

/**
 * Names of remotes, volumes and jobs become directories, device-mapper names and arguments of tools: no leading dash
 * or dot, no slash, colon, space or newline.
 */
export const namePattern = /^[a-z0-9][a-z0-9_-]{0,31}$/;
export const nameFault = "must be 1 to 32 of a-z, 0-9, _ and -, and begin with a letter or a digit";

export function isName(text: unknown): text is string {
  return typeof text === "string" && namePattern.test(text);
}

export const nameSchema = z.string().regex(namePattern, nameFault);

/** A name, or "*" for all of them. */
export const nameOrAllSchema = z
  .string()
  .regex(/^(\*|[a-z0-9][a-z0-9_-]{0,31})$/, 'must be a name (a-z, 0-9, _ and -), or "*" for all');

/** RFC 1123 labels, and underscores because people have them. It cannot begin with a dash or break a line. */
const hostPattern = /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?)*$/i;

export const hostSchema = z.string().refine((text) => hostPattern.test(text) || (isIPv6(text) && !text.includes("%")), {
  error: "must be a host name or an IP address (IPv6 without brackets and zone)",
});

/** The user on the backup host: narrow, because it stands in an ssh_config and in front of an "@". */
export const remoteUserSchema = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/, "must be letters, digits, _, . and -, and not begin with . or -");

/**
 * A user or group of this machine. Wide enough for directory services (DOMAIN\alice, alice@example.net, "domain
 * users"); a number alone is refused because it would read as an id.
 */
const accountPattern = /^(?![-\s])(?!\d+$)[^\p{C}:,/*"]{1,128}(?<!\s)$/u;

export const accountSchema = z
  .string()
  .refine((text) => accountPattern.test(text), { error: "must be the name of a user or group" });

/** One file name on the backup host. Room is left for what luksmith puts beside it (255 is the usual limit). */
export const imageSchema = z
  .string()
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$/,
    "must be one file name of letters, digits, _, ., + and -, and not begin with . or -",
  );

/** C0, DEL and C1 controls, line and paragraph separators: what could break a line or a terminal. */
const controlPattern = /[\p{Cc}\p{Zl}\p{Zp}]/u;
/** Linux: PATH_MAX, with its NUL. */
const pathBytesMax = 4095;

/** What is wrong with an absolute path of this machine, if anything. */
export function absolutePathFault(path: string): string | undefined {
  if (!path.startsWith("/")) return "must be an absolute path";
  if (controlPattern.test(path)) return "must not contain control characters";
  if (path.split("/").includes("..")) return 'must not contain ".."';
  if (Buffer.byteLength(path) > pathBytesMax) return `must not be longer than ${pathBytesMax} bytes`;
  return undefined;
}

/** "/home//alice/./x/" -> "/home/alice/x". `..` has been refused before, so no symbolic link is jumped over. */
export function tidyPath(path: string): string {
  const normal = posix.normalize(path);
  return normal.length > 1 && normal.endsWith("/") ? normal.slice(0, -1) : normal;
}

export const absolutePathSchema = z
  .string()
  .superRefine((path, context) => {
    const fault = absolutePathFault(path);
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  })
  .transform(tidyPath)
  .meta({ pattern: "^/" });

/** A path that also stands in ssh_config, mount options and unit files, where blanks, %, quotes and commas mean something. */
export const plainPathSchema = z
  .string()
  .superRefine((path, context) => {
    const fault =
      absolutePathFault(path) ??
      (/^[A-Za-z0-9/_.+@=-]+$/.test(path) ? undefined : "must contain only letters, digits and / _ . + @ = -");
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  })
  .transform(tidyPath)
  .meta({ pattern: "^/[A-Za-z0-9/_.+@=-]*$" });

/** A directory on the backup host, absolute or from the login directory. */
export const remotePathSchema = z
  .string()
  .superRefine((path, context) => {
    const fault =
      path === ""
        ? 'must not be empty; "." is the login directory'
        : path.startsWith("-")
          ? 'must not begin with "-"'
          : path.startsWith("~")
            ? "must not begin with ~: a relative path starts in the login directory"
            : controlPattern.test(path)
              ? "must not contain control characters"
              : path.split("/").includes("..")
                ? 'must not contain ".."'
                : Buffer.byteLength(path) > pathBytesMax
                  ? `must not be longer than ${pathBytesMax} bytes`
                  : undefined;
    if (fault !== undefined) context.addIssue({ code: "custom", message: fault });
  })
  .transform(tidyPath);
