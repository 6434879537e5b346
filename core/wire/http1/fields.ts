/** Character classes and the field names a proxy must know. @see RFC 9110 section 5.6.2 (tokens), 5.5 (values) */

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

function classOf(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}

/** tchar: what method and field names are made of. */
export const IS_TOKEN = classOf((byte) => TOKEN_CHARACTERS.includes(String.fromCharCode(byte)));
/** Field values and reason phrases: visible, space, tab, obs-text. */
export const IS_VALUE = classOf((byte) => byte === 9 || (byte >= 32 && byte !== 127));
/** Request targets: visible ASCII without `#`; a fragment is never sent, and readers cut there or do not. */
export const IS_TARGET = classOf((byte) => byte > 32 && byte < 127 && byte !== 0x23);
/** uri-host and port; brackets and colons for IPv6. @see RFC 3986 section 3.2.2 */
export const IS_AUTHORITY = classOf((byte) => /[A-Za-z0-9.\-_~%!$&'()*+,;=:[\]]/.test(String.fromCharCode(byte)));

/** What a field means to the proxy. Everything else is `other`: copied, never looked at. */
export const FIELD = {
  other: 0,
  host: 1,
  contentLength: 2,
  transferEncoding: 3,
  connection: 4,
  /** Hop-by-hop by name: keep-alive, proxy-connection, te, and upgrade on a request that was let through. */
  hop: 5,
  upgrade: 6,
  expect: 7,
  traceparent: 8,
  tracestate: 9,
  /** x-outrider-…, also written with underscores (gateway interfaces read both the same): ours alone to send. */
  outrider: 10,
  /** Named by a Connection field. */
  nominated: 11,
  /** Fields that must never be a trailer besides those above: authorization, content-encoding and the like. */
  headOnly: 12,
} as const;

const KNOWN: readonly (readonly [string, number])[] = [
  ["host", FIELD.host],
  ["content-length", FIELD.contentLength],
  ["transfer-encoding", FIELD.transferEncoding],
  ["connection", FIELD.connection],
  ["keep-alive", FIELD.hop],
  ["proxy-connection", FIELD.hop],
  ["te", FIELD.hop],
  ["upgrade", FIELD.upgrade],
  ["expect", FIELD.expect],
  ["traceparent", FIELD.traceparent],
  ["tracestate", FIELD.tracestate],
  ["authorization", FIELD.headOnly],
  ["content-encoding", FIELD.headOnly],
  ["content-type", FIELD.headOnly],
  ["content-range", FIELD.headOnly],
  ["cookie", FIELD.headOnly],
  ["set-cookie", FIELD.headOnly],
  ["trailer", FIELD.headOnly],
];

const OUTRIDER_PREFIX = ascii("x-outrider-");

/** By length, so that most names are told apart without looking at a byte. */
const BY_LENGTH: (readonly { readonly name: Uint8Array; readonly kind: number }[] | undefined)[] = [];
for (const [name, kind] of KNOWN) {
  BY_LENGTH[name.length] = [...(BY_LENGTH[name.length] ?? []), { name: ascii(name), kind }];
}

/** Once per field; allocates nothing. @returns a value of FIELD for the name in bytes[from, to) */
export function fieldKind(bytes: Uint8Array, from: number, to: number): number {
  const candidates = BY_LENGTH[to - from];
  if (candidates !== undefined) {
    for (const { name, kind } of candidates) if (sameName(bytes, from, name)) return kind;
  }
  return isOutrider(bytes, from, to) ? FIELD.outrider : FIELD.other;
}

/** Case-insensitive comparison with a lower-case name of letters, digits and hyphens. */
export function sameName(bytes: Uint8Array, from: number, name: Uint8Array): boolean {
  for (let i = 0; i < name.length; i++) {
    if (((bytes[from + i] as number) | 0x20) !== name[i]) return false;
  }
  return true;
}

function isOutrider(bytes: Uint8Array, from: number, to: number): boolean {
  if (to - from <= OUTRIDER_PREFIX.length || ((bytes[from] as number) | 0x20) !== 0x78) return false;
  for (let i = 0; i < OUTRIDER_PREFIX.length; i++) {
    const byte = bytes[from + i] as number;
    if ((byte === 0x5f ? 0x2d : byte | 0x20) !== OUTRIDER_PREFIX[i]) return false;
  }
  return true;
}

export function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}
