/** One HTTP request that tells somebody something: what comes back is of no interest, but for its status. */

import { rejectsWhenAborted } from "../../common/aborted.ts";
import { escapeControls } from "../../common/quote.ts";
import { version } from "../../common/version.ts";

/** From the first byte to the last. */
export const requestMs = 10_000;

const longestDetail = 200;

/** Why a message has not arrived, in words for whoever waits for it: no address and no secret is in them. */
export class NotDelivered extends Error {
  override readonly name = "NotDelivered";

  constructor(why: string, options?: ErrorOptions) {
    super(escapeControls(why).slice(0, longestDetail), options);
  }
}

/**
 * Goes nowhere else than to `url`: a redirect is a failure.
 * @param url may have a secret in it, so that it is never told
 * @returns the status, one of 200 to 299
 * @throws {NotDelivered}; the signal's reason
 */
export async function send(
  url: string,
  request: { method: "GET" | "POST"; headers?: Record<string, string>; body?: string },
  signal: AbortSignal,
): Promise<number> {
  const deadline = AbortSignal.timeout(requestMs);
  const ends = AbortSignal.any([signal, deadline]);
  let response: Response;
  try {
    const asked = fetch(url, {
      ...request,
      headers: { "user-agent": `luksmith-controller/${version}`, ...request.headers },
      redirect: "manual",
      signal: ends,
    });
    response = await Promise.race([asked, rejectsWhenAborted(ends)]);
  } catch (thrown) {
    signal.throwIfAborted();
    throw new NotDelivered(deadline.aborted ? "no answer within 10 s" : networkWords(thrown), { cause: thrown });
  }
  // whatever it is: the connection is not kept for it
  response.body?.cancel().catch(() => undefined);
  if (response.status >= 300 && response.status < 400)
    throw new NotDelivered(`the server leads elsewhere (${response.status})`);
  if (!response.ok) throw new NotDelivered(`the server answers ${response.status}`);
  return response.status;
}

/** undici says "fetch failed", and why in the cause. */
function networkWords(thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : "";
  return code === "" ? "the server cannot be reached" : `the server cannot be reached (${code})`;
}
