/** Why nothing answers at an address, in words for people. */

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "there is no host of this name",
  EAI_AGAIN: "the name cannot be looked up now",
  EHOSTUNREACH: "there is no way to this host",
  ENETUNREACH: "there is no way to this network",
  ECONNRESET: "the connection was closed",
};

/** @param said what Node or gRPC says, which has the system's code somewhere @returns undefined when it has none of these */
export function noAnswerText(said: string): string | undefined {
  const code = /\bE[A-Z_]+\b/.exec(said)?.[0];
  return code === undefined || !Object.hasOwn(words, code) ? undefined : words[code];
}
