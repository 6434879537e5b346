import { CRITICAL_LIMIT } from "./limits.ts";
import { quoted, refuse } from "./refusal.ts";

export const NOTARY_PAYLOAD = "application/vnd.cncf.notary.payload.v1+json";

/** The names of the signed attributes, the same in JWS and COSE. */
export const ATTRIBUTE = {
  scheme: "io.cncf.notary.signingScheme",
  signingTime: "io.cncf.notary.signingTime",
  authenticSigningTime: "io.cncf.notary.authenticSigningTime",
  expiry: "io.cncf.notary.expiry",
  plugin: "io.cncf.notary.verificationPlugin",
  pluginVersion: "io.cncf.notary.verificationPluginMinVersion",
} as const;

export const SCHEMES = ["notary.x509", "notary.x509.signingAuthority"] as const;
export type SigningScheme = (typeof SCHEMES)[number];

/** What an envelope's protected header holds, read but not judged. Times in milliseconds since the epoch. */
export interface ProtectedHeader {
  readonly contentType: unknown;
  readonly critical: readonly unknown[];
  readonly scheme: unknown;
  readonly signingTimeMs?: number | undefined;
  readonly authenticSigningTimeMs?: number | undefined;
  readonly expiryMs?: number | undefined;
  /** Every name there is. */
  readonly names: ReadonlySet<unknown>;
}

/** What the signer said about the signature itself. */
export interface SignedAttributes {
  readonly scheme: SigningScheme;
  /** The signer's own clock under notary.x509, which proves nothing; the signing authority's under the other scheme. */
  readonly signingTimeMs: number;
  readonly expiryMs?: number;
}

/**
 * Judges the signed attributes by their rules.
 *
 *   content type  the one payload there is
 *   scheme        one of two, and with the one signing time that belongs to it
 *   critical      every attribute that must be critical is, and none that nobody here understands
 *   expiry        after the signing time
 *
 * @throws {Refused}
 * @see notaryproject/specifications specs/signature-specification.md, "Signed Attributes"
 */
export function judgeAttributes(header: ProtectedHeader): SignedAttributes {
  if (header.contentType !== NOTARY_PAYLOAD)
    refuse(`a content type of ${quoted(header.contentType)}`, quoted(NOTARY_PAYLOAD));
  const scheme = readScheme(header.scheme);
  const signingTimeMs = readSigningTime(scheme, header);
  judgeCritical(scheme, header);
  refusePlugins(header);
  const { expiryMs } = header;
  if (expiryMs === undefined) return { scheme, signingTimeMs };
  if (expiryMs <= signingTimeMs) refuse("an expiry that is not after the signing time", "one that is");
  return { scheme, signingTimeMs, expiryMs };
}

function readScheme(value: unknown): SigningScheme {
  return (
    SCHEMES.find((scheme) => scheme === value) ?? refuse(`a signing scheme of ${quoted(value)}`, SCHEMES.join(" or "))
  );
}

/** Each scheme has its own attribute for the time, and the other's must be absent. */
function readSigningTime(scheme: SigningScheme, { signingTimeMs, authenticSigningTimeMs }: ProtectedHeader): number {
  const ofAuthority = scheme === "notary.x509.signingAuthority";
  const [own, other] = ofAuthority ? [authenticSigningTimeMs, signingTimeMs] : [signingTimeMs, authenticSigningTimeMs];
  const [name, otherName] = ofAuthority
    ? [ATTRIBUTE.authenticSigningTime, ATTRIBUTE.signingTime]
    : [ATTRIBUTE.signingTime, ATTRIBUTE.authenticSigningTime];
  if (other !== undefined) refuse(`${otherName} under the scheme ${scheme}`, `${name} alone`);
  return own ?? refuse(`no ${name}`, `one, under the scheme ${scheme}`);
}

function judgeCritical(scheme: SigningScheme, { critical, expiryMs }: ProtectedHeader): void {
  const must = [
    ATTRIBUTE.scheme,
    ...(scheme === "notary.x509.signingAuthority" ? [ATTRIBUTE.authenticSigningTime] : []),
    ...(expiryMs === undefined ? [] : [ATTRIBUTE.expiry]),
  ];
  if (critical.length > CRITICAL_LIMIT) refuse(`${critical.length} critical attributes`, `${CRITICAL_LIMIT} at most`);
  const missing = must.find((name) => !critical.includes(name));
  if (missing !== undefined) refuse(`${missing} that is not marked critical`, "it to be");
  const unknown = critical.find((name) => !(must as readonly unknown[]).includes(name));
  if (unknown !== undefined)
    refuse(
      `a critical attribute ${quoted(unknown)} that is not understood here`,
      "none but those of the specification",
    );
  if (new Set(critical).size < critical.length) refuse("an attribute marked critical twice", "each once");
}

/** A signature that asks for a plugin's judgement is not judged without it. */
function refusePlugins({ names }: ProtectedHeader): void {
  const plugin = [ATTRIBUTE.plugin, ATTRIBUTE.pluginVersion].find((name) => names.has(name));
  if (plugin !== undefined) refuse(`${plugin}: a notation plugin must judge it`, "a signature that needs no plugin");
}
