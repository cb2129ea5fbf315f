/** Where the controller itself sends something by HTTP. */

import * as z from "zod";

const longestUrl = 2000;
const loopbackHosts = ["localhost", "127.0.0.1", "[::1]"];

function urlFault(text: string): string | undefined {
  if (!URL.canParse(text) || text.length > longestUrl) return 'must be a URL, such as "https://example.net/hook"';
  const { protocol, hostname, username, password, hash } = new URL(text);
  if (protocol === "http:" && !loopbackHosts.includes(hostname))
    return "must begin with https: (http is for this host alone)";
  if (protocol !== "https:" && protocol !== "http:") return "must begin with https:";
  if (username !== "" || password !== "") return "must not have a user or a password in it";
  return hash === "" ? undefined : "must not have a # in it";
}

export const urlSchema = z
  .string()
  .superRefine((text, context) => {
    const message = urlFault(text);
    if (message !== undefined) context.addIssue({ code: "custom", message });
  })
  .meta({ pattern: "^https?://" });
