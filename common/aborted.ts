/** For a race with something that cannot be cancelled. Rejects with the signal's reason, never resolves, and bothers nobody who is not looking. */
export function rejectsWhenAborted(signal: AbortSignal): Promise<never> {
  const rejected = new Promise<never>((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    else signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
  rejected.catch(() => undefined);
  return rejected;
}
