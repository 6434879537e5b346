import { children, type DerValue, expectTag, readOid, TAG } from "../../../wire/x509/der.ts";

/** One attribute of a distinguished name. */
export interface NameAttribute {
  /** "CN", "O", or the dotted object identifier of a type that has no short name here. */
  readonly type: string;
  /** `undefined` for a value in an encoding that is not read: it matches nothing. */
  readonly value: string | undefined;
}

/** Short names of attribute types. @see RFC 4514 section 3; RFC 4519 for serialNumber and postalCode */
export const ATTRIBUTE_TYPES: Readonly<Record<string, string>> = {
  "2.5.4.3": "CN",
  "2.5.4.5": "SERIALNUMBER",
  "2.5.4.6": "C",
  "2.5.4.7": "L",
  "2.5.4.8": "ST",
  "2.5.4.9": "STREET",
  "2.5.4.10": "O",
  "2.5.4.11": "OU",
  "2.5.4.17": "POSTALCODE",
};

const IA5_STRING = 0x16;

/** The attributes of a Name in order, those of one RDN beside each other. @throws {CodedError} DER_INVALID */
export function readName(name: DerValue): readonly NameAttribute[] {
  return children(name).flatMap((rdn) =>
    children(expectTag(rdn, TAG.set)).map((attribute) => {
      const [type, value] = children(expectTag(attribute, TAG.sequence));
      const id = readOid(expectTag(type, TAG.oid));
      return { type: Object.hasOwn(ATTRIBUTE_TYPES, id) ? (ATTRIBUTE_TYPES[id] ?? id) : id, value: readText(value) };
    }),
  );
}

function readText(value: DerValue | undefined): string | undefined {
  if (value === undefined) return undefined;
  const ascii = value.tag === TAG.printableString || value.tag === IA5_STRING;
  if (!ascii && value.tag !== TAG.utf8String) return undefined;
  if (ascii && value.content.some((byte) => byte > 0x7f)) return undefined;
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value.content);
  } catch {
    return undefined;
  }
}

/**
 * For people: the most specific attribute first, every control character as a question mark, and what could be taken for
 * the end of an attribute behind a backslash. @see RFC 4514 section 2.4
 */
export function writeName(name: readonly NameAttribute[]): string {
  const parts = name
    .toReversed()
    .map(({ type, value }) => `${type}=${value?.replaceAll(/[",+;<>\\]/g, "\\$&") ?? "?"}`);
  return parts.join(", ").replaceAll(/\p{C}/gu, "?").slice(0, 512);
}
