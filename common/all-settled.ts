/** Waiting for several things at once without leaving any of them behind. */

/**
 * Like Promise.all, but it waits for all of them even when one fails, so that nothing is still under way when the
 * caller starts to clean up.
 * @throws what the first of them failed with
 */
export async function allOrFirstError<T extends readonly unknown[]>(
  ...promises: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  let failed = false;
  let first: unknown;
  for (const promise of promises) {
    promise.catch((error: unknown) => {
      if (!failed) first = error;
      failed = true;
    });
  }
  const settled = await Promise.allSettled(promises);
  if (failed) throw first;
  return settled.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : undefined)) as unknown as T;
}

/**
 * For several that are of no use without one another: the first failure aborts `any`, and is thrown when all have ended.
 */
export async function allOrNone<T extends readonly unknown[]>(
  any: AbortController,
  ...promises: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  for (const promise of promises) {
    promise.catch((error: unknown) => {
      if (!any.signal.aborted) any.abort(error);
    });
  }
  return allOrFirstError<T>(...promises);
}
