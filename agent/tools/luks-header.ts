/**
 * A LUKS2 header's metadata, as `cryptsetup luksDump --dump-json-metadata` prints it: its key slots, and what we have noted
 * beside them. Pure. Source: LUKS2 On-Disk Format Specification, chapter 3.
 *
 * What a slot is for stands in a token, which goes wherever the header goes. Other programs leave tokens alone whose type they
 * do not know. Whoever stores the header can read it.
 */

import * as z from "zod";
import { LuksmithError } from "../../common/errors.ts";
import { parseJson } from "../../common/parse-json.ts";

/** "recovery": a passphrase that we have made; "added": a key of somebody's. */
export type SlotRole = "recovery" | "added";

interface KeySlot {
  readonly slot: number;
  /** "argon2id", "pbkdf2" and so on. */
  readonly kdf: string;
  /** Undefined when we have noted nothing of it. */
  readonly role: SlotRole | undefined;
  readonly addedAt: Date | undefined;
}

export interface LuksHeader {
  /** By number. */
  readonly slots: readonly KeySlot[];
  /** Ids of the tokens that are about this slot and no other. */
  readonly tokensOf: (slot: number) => readonly number[];
  /** Of each of the two copies of the metadata; key material begins behind both. */
  readonly metadataBytes: number;
  /** It holds a re-encryption that has begun and not ended: only who began it may change it. */
  readonly isReencrypting: boolean;
  /** That was cut short amid a piece of the data, whose old bytes are in the header. */
  readonly needsRecovery: boolean;
  /** Some of the data may have another volume key than before it began. */
  readonly hasTouchedData: boolean;
}

const tokenType = "luksmith";
/** In front of the JSON of each copy. */
const binaryHeaderBytes = 4096;

const decimal = z
  .string()
  .regex(/^\d{1,15}$/)
  .transform(Number);
const byNumber = <Value extends z.ZodType>(value: Value) => z.record(z.string().regex(/^\d{1,3}$/), value);
const tokenSchema = z.looseObject({ type: z.string(), keyslots: z.array(decimal) });
const ownTokenSchema = z.looseObject({ role: z.enum(["recovery", "added"]), added: z.iso.datetime() });

const metadataSchema = z.looseObject({
  keyslots: byNumber(z.looseObject({ type: z.string(), kdf: z.looseObject({ type: z.string() }).optional() })),
  tokens: byNumber(tokenSchema),
  segments: byNumber(z.looseObject({ flags: z.array(z.string()).optional() })),
  digests: byNumber(z.looseObject({ segments: z.array(z.string()) })),
  config: z.looseObject({
    json_size: decimal,
    requirements: z.looseObject({ mandatory: z.array(z.string()) }).optional(),
  }),
});

/** To be put beside a slot that has just been made. */
export function slotToken(slot: number, role: SlotRole, now: Date): object {
  return { type: tokenType, keyslots: [`${slot}`], role, added: now.toISOString() };
}

/** @throws {LuksmithError} "tool_failed" when it is not what cryptsetup prints */
export function parseLuksHeader(text: string): LuksHeader {
  const parsed = metadataSchema.safeParse(parseJson(text));
  if (!parsed.success) {
    throw new LuksmithError("tool_failed", "what cryptsetup says of the header cannot be understood", {
      cause: parsed.error,
    });
  }
  const { keyslots, tokens, segments, digests, config } = parsed.data;
  const about = (slot: number) => Object.entries(tokens).filter(([, token]) => token.keyslots.includes(slot));
  const slots = Object.entries(keyslots)
    .filter(([, { type }]) => type === "luks2")
    .map(([number, { kdf }]): KeySlot => {
      const slot = Number(number);
      const own = about(slot).find(([, { type }]) => type === tokenType)?.[1];
      const noted = ownTokenSchema.safeParse(own).data;
      return {
        slot,
        kdf: kdf?.type ?? "",
        role: noted?.role,
        addedAt: noted === undefined ? undefined : new Date(noted.added),
      };
    })
    .sort((a, b) => a.slot - b.slot);
  return {
    slots,
    tokensOf: (slot) => about(slot).flatMap(([id, { keyslots: of }]) => (of.length === 1 ? [Number(id)] : [])),
    metadataBytes: binaryHeaderBytes + config.json_size,
    isReencrypting:
      Object.values(keyslots).some(({ type }) => type === "reencrypt") ||
      (config.requirements?.mandatory ?? []).some((name) => name.includes("reencrypt")),
    needsRecovery: Object.values(segments).some(({ flags }) => flags?.includes("in-reencryption")),
    hasTouchedData: !isAsBefore(segments, digests),
  };
}

/** What a re-encryption has kept of the time before ("backup-previous") and what there is now are one piece of one volume key. */
function isAsBefore(
  segments: Readonly<Record<string, { flags?: string[] | undefined }>>,
  digests: Readonly<Record<string, { segments: string[] }>>,
): boolean {
  const before = Object.keys(segments).find((id) => segments[id]?.flags?.includes("backup-previous"));
  const [now, ...more] = Object.keys(segments).filter((id) => !segments[id]?.flags?.some(isBackup));
  if (before === undefined || now === undefined || more.length > 0 || segments[now]?.flags !== undefined) return false;
  return Object.values(digests).some((digest) => digest.segments.includes(now) && digest.segments.includes(before));
}

function isBackup(flag: string): boolean {
  return flag.startsWith("backup-");
}
