/** Keys and passphrases that came with a request. */

/** A run wipes what it has been given when it ends; where none begins, that is done at once. */
export async function wipedUnlessBegun<T>(secrets: readonly Uint8Array[], begin: () => Promise<T>): Promise<T> {
  try {
    return await begin();
  } catch (error) {
    for (const secret of secrets) secret.fill(0);
    throw error;
  }
}
