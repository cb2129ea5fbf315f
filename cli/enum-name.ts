/** The names that the protocol's enumerations have on the outside: `Verb.CREATE_VOLUME` is "create_volume". */

type ProtoEnum = Readonly<Record<string, number>>;

/** "unspecified" for 0; "unrecognized" for a value that a newer agent knows and we do not. */
export function enumName(names: ProtoEnum, value: number): string {
  const name = Object.keys(names).find((key) => names[key] === value) ?? "UNRECOGNIZED";
  return name.toLowerCase();
}
