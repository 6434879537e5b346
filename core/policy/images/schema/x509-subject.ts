/**
 * Identities of a Notary trust policy: `x509.subject: C=US, ST=WA, O=Acme, CN=build`, or `*`.
 * @see notaryproject/specifications specs/trust-store-trust-policy.md, "Trusted Identities Constraints"; RFC 4514
 */

/** Attributes by type: "CN" to "build". */
export type X509Subject = ReadonlyMap<string, string>;

export const ANY_IDENTITY = "*";
const PREFIX = "x509.subject:";

/** Types that a certificate's subject can be compared by; `S` is another way to write `ST`. */
const TYPES = new Set(["C", "ST", "L", "O", "OU", "CN", "STREET", "POSTALCODE", "SERIALNUMBER"]);
const MANDATORY = ["C", "ST", "O"] as const;

/** One attribute up to the comma that ends it; a backslash takes the next character with it. */
const ATTRIBUTE = /^\s*([A-Za-z0-9.]+)\s*=((?:[^\\,;+]|\\.)*)(?:[,;]|$)/su;
/** One character of a value: a byte in hexadecimal, a special character after its backslash, or itself. */
const CHARACTER = /\\([0-9A-Fa-f]{2})|\\([ "#+,;<=>\\])|(.)/gsu;

/**
 * Reads one identity that is not `*`.
 *
 * @throws {SyntaxError} saying what is wrong with it, as a person who writes policies needs it
 */
export function readX509Subject(identity: string): X509Subject {
  if (!identity.startsWith(PREFIX)) throw new SyntaxError(`expected "${PREFIX}" and a distinguished name, or "*"`);
  const subject = new Map<string, string>();
  for (let rest = identity.slice(PREFIX.length); rest.trim() !== ""; ) {
    const match = ATTRIBUTE.exec(rest);
    if (match === null)
      throw new SyntaxError(
        `expected TYPE=value pairs with commas between, found ${JSON.stringify(rest.slice(0, 60))}`,
      );
    addAttribute(subject, match[1] ?? "", readValue(match[2] ?? ""));
    rest = rest.slice(match[0].length);
  }
  const missing = MANDATORY.find((type) => !subject.has(type));
  if (missing !== undefined) throw new SyntaxError(`no ${missing}: C, ST and O must be named`);
  return subject;
}

function addAttribute(subject: Map<string, string>, written: string, value: string): void {
  const type = written === "S" ? "ST" : written;
  if (!TYPES.has(type)) throw new SyntaxError(`expected one of ${[...TYPES].join(", ")}, found ${written}`);
  if (subject.has(type)) throw new SyntaxError(`${type} twice`);
  if (value === "") throw new SyntaxError(`${type} without a value`);
  subject.set(type, value);
}

/** Spaces around a value are not part of it, unless escaped. */
function readValue(written: string): string {
  const value = written.trimStart().replace(/(?<!\\)((?:\\\\)*)\s+$/u, "$1");
  if (value.startsWith("#")) throw new SyntaxError("a value in hexadecimal, which is not compared");
  const bytes: number[] = [];
  for (const [, hex, special, plain] of value.matchAll(CHARACTER)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16));
    else bytes.push(...new TextEncoder().encode(special ?? plain));
    if (plain === "\\") throw new SyntaxError(`a backslash that escapes nothing in ${JSON.stringify(value)}`);
  }
  return decodeUtf8(bytes, value);
}

function decodeUtf8(bytes: readonly number[], value: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Uint8Array.from(bytes));
  } catch {
    throw new SyntaxError(`escapes that are not UTF-8 in ${JSON.stringify(value)}`);
  }
}

/** True when every attribute of the identity is in the subject with exactly that value. */
export function isPartOf(identity: X509Subject, subject: X509Subject): boolean {
  return [...identity].every(([type, value]) => subject.get(type) === value);
}

/** What is wrong with one identity of a policy, for the person who wrote it. */
export function identityProblem(identity: string): string | undefined {
  try {
    if (identity !== ANY_IDENTITY) readX509Subject(identity);
    return undefined;
  } catch (thrown) {
    return thrown instanceof SyntaxError ? thrown.message : String(thrown);
  }
}

/** What is wrong with identities beside each other: `*` says all, and no certificate may be two of them. */
export function identitiesProblem(identities: readonly string[]): string | undefined {
  if (identities.length > 1 && identities.includes(ANY_IDENTITY)) return '"*" names everybody: expected it alone';
  const subjects = identities
    .filter((one) => one !== ANY_IDENTITY && identityProblem(one) === undefined)
    .map(readX509Subject);
  const overlap = subjects.some((one, at) => subjects.some((other, index) => index !== at && isPartOf(one, other)));
  return overlap ? "one identity is part of another: expected identities of which no certificate is two" : undefined;
}
