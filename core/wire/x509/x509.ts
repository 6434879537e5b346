import {
  children,
  contextTag,
  type DerValue,
  derInvalid,
  expectTag,
  explicitTag,
  readBitString,
  readBoolean,
  readDer,
  readOid,
  readTime,
  TAG,
} from "./der.ts";

/** Object identifiers of RFC 5280 and RFC 5758; `podUid` is ours, under 2.25 (X.667: a UUID needs no registration). */
export const OID = {
  commonName: "2.5.4.3",
  ecdsaWithSha256: "1.2.840.10045.4.3.2",
  ecPublicKey: "1.2.840.10045.2.1",
  p256: "1.2.840.10045.3.1.7",
  subjectKeyId: "2.5.29.14",
  keyUsage: "2.5.29.15",
  subjectAltName: "2.5.29.17",
  basicConstraints: "2.5.29.19",
  authorityKeyId: "2.5.29.35",
  extKeyUsage: "2.5.29.37",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  extensionRequest: "1.2.840.113549.1.9.14",
  /** UTF8String: the uid of the pod the certificate was issued to. */
  podUid: "2.25.237232051996969872644454708121954233000",
} as const;

/** Bit numbers of KeyUsage, RFC 5280 section 4.2.1.3. */
export const KEY_USAGE = { digitalSignature: 0, keyCertSign: 5, cRLSign: 6 } as const;

/** Names of a SubjectAltName by kind; other kinds are only counted. */
export interface AltNames {
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  /** Raw address bytes, 4 or 16 of them. */
  readonly ips: readonly Uint8Array[];
  readonly others: number;
}

/** What a certificate says, unverified. */
export interface CertificateFacts {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly altNames: AltNames;
  readonly isCa: boolean;
  /** Numbers of the KeyUsage bits that are set; `undefined` when the extension is absent. */
  readonly keyUsage: ReadonlySet<number> | undefined;
  readonly extKeyUsage: readonly string[];
  readonly podUid: string | undefined;
  /** Critical extensions this reader does not know: a verifier must refuse (RFC 5280 section 4.2). */
  readonly unknownCritical: readonly string[];
}

const KNOWN: ReadonlySet<string> = new Set<string>([
  OID.subjectAltName,
  OID.basicConstraints,
  OID.keyUsage,
  OID.extKeyUsage,
]);

const NO_NAMES: AltNames = { uris: [], dns: [], ips: [], others: 0 };

/**
 * Reads the fields a verifier decides by. Runs once per connection; input is hostile.
 *
 * @throws {CodedError} DER_INVALID
 * @see RFC 5280 section 4.1
 */
export function readCertificate(encoded: Uint8Array): CertificateFacts {
  const [tbs] = children(expectTag(readDer(encoded), TAG.sequence));
  const fields = children(expectTag(tbs, TAG.sequence)).filter((field) => field.tag !== explicitTag(0));
  const [notBefore, notAfter] = children(expectTag(fields[3], TAG.sequence));
  const extensions = readExtensions(fields.find((field, index) => index > 5 && field.tag === explicitTag(3)));
  return {
    notBeforeMs: readTime(notBefore),
    notAfterMs: readTime(notAfter),
    altNames: whenPresent(extensions, OID.subjectAltName, readAltNames) ?? NO_NAMES,
    isCa: whenPresent(extensions, OID.basicConstraints, readIsCa) ?? false,
    keyUsage: whenPresent(extensions, OID.keyUsage, readNamedBits),
    extKeyUsage: whenPresent(extensions, OID.extKeyUsage, (value) => children(value).map(readOid)) ?? [],
    podUid: whenPresent(extensions, OID.podUid, readUtf8),
    unknownCritical: [...extensions].filter(([id, e]) => e.critical && !KNOWN.has(id)).map(([id]) => id),
  };
}

export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Extensions by object identifier, from `SEQUENCE OF Extension` in an explicit tag. @throws {CodedError} DER_INVALID */
export function readExtensions(wrapper: DerValue | undefined): ReadonlyMap<string, Extension> {
  const byId = new Map<string, Extension>();
  if (wrapper === undefined) return byId;
  const list = children(wrapper)[0];
  for (const item of children(expectTag(list, TAG.sequence))) {
    const [id, ...rest] = children(expectTag(item, TAG.sequence));
    const name = readOid(expectTag(id, TAG.oid));
    const value = expectTag(rest.at(-1), TAG.octetString).content;
    const critical = rest.length === 2 && readBoolean(expectTag(rest[0], TAG.boolean));
    if (rest.length > 2 || byId.has(name)) throw derInvalid(`extension ${name} repeated or malformed`);
    byId.set(name, { critical, value });
  }
  return byId;
}

function whenPresent<T>(
  extensions: ReadonlyMap<string, Extension>,
  id: string,
  read: (value: DerValue) => T,
): T | undefined {
  const extension = extensions.get(id);
  return extension === undefined ? undefined : read(readDer(extension.value));
}

/** GeneralNames. @throws {CodedError} DER_INVALID @see RFC 5280 section 4.2.1.6 */
export function readAltNames(value: DerValue): AltNames {
  const names = children(expectTag(value, TAG.sequence));
  const ofTag = (n: number) => names.filter((name) => name.tag === contextTag(n));
  const uris = ofTag(6).map(ia5);
  const dns = ofTag(2).map(ia5);
  const ips = ofTag(7).map((name) => name.content);
  return { uris, dns, ips, others: names.length - uris.length - dns.length - ips.length };
}

/** IA5String: seven-bit, and no NUL that another reader might take for the end. */
function ia5(value: DerValue): string {
  if (value.content.some((byte) => byte === 0 || byte > 0x7f)) throw derInvalid("a name outside ASCII");
  return new TextDecoder("latin1").decode(value.content);
}

function readIsCa(value: DerValue): boolean {
  const [first] = children(expectTag(value, TAG.sequence));
  return first?.tag === TAG.boolean && readBoolean(first);
}

/** The numbers of the bits that are set, as in KeyUsage. @throws {CodedError} DER_INVALID */
export function readNamedBits(value: DerValue): ReadonlySet<number> {
  const { bytes, unusedBits } = readBitString(value);
  const bits = Array.from({ length: bytes.length * 8 - unusedBits }, (_, bit) => bit);
  return new Set(bits.filter((bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0));
}

function readUtf8(value: DerValue): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(expectTag(value, TAG.utf8String).content);
  } catch {
    throw derInvalid("a UTF8String that is not UTF-8");
  }
}
