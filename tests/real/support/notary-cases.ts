import { DAY_MS, HOUR_MS } from "../../../core/base/clock.ts";
import { EKU, type Issued, issue, type KeyKind, named, TYPE } from "../../support/notary/certificates.ts";
import {
  base64url,
  payloadOf,
  type SignatureWish,
  signCose,
  signJws,
  writeCose,
  writeJws,
} from "../../support/notary/envelopes.ts";
import { timestampOver } from "../../support/notary/timestamps.ts";
import type { NotationSetup } from "./notation.ts";
import type { Pushed } from "./push.ts";

/** A signature as the tests' own signer writes it, how it is asked about, and what both must say. */
export interface NotaryCase {
  readonly given: string;
  readonly good: boolean;
  readonly by?: readonly [Issued, ...Issued[]];
  readonly wish?: Partial<SignatureWish>;
  readonly payload?: (image: Pushed) => string;
  readonly tamper?: (bytes: Uint8Array) => Uint8Array;
  readonly setup?: NotationSetup;
}

const NOW = Math.floor(Date.now() / 1000) * 1000;
const LONG_AGO = NOW - 400 * DAY_MS;
const THEN = NOW - 350 * DAY_MS;
const ENDED = NOW - 300 * DAY_MS;
const SCHEME = "io.cncf.notary.signingScheme";
const OTHER = `sha256:${"cd".repeat(32)}` as const;

const root = issue("authority", { subject: named("root"), notBeforeMs: LONG_AGO });
const middle = issue("authority", { subject: named("middle") }, root);
const leaf = issue("leaf", { subject: named("build") }, middle);
const alone = issue("leaf", { subject: named("alone") });
const namesake = issue("authority", { subject: named("root") });
const service = issue("authority", { subject: named("service"), notBeforeMs: LONG_AGO });
const serviceLeaf = issue("leaf", { notBeforeMs: LONG_AGO, notAfterMs: ENDED }, service);
const expired = issue("leaf", { notBeforeMs: LONG_AGO, notAfterMs: ENDED }, root);
const clock = issue("authority", { subject: named("clock"), notBeforeMs: LONG_AGO });
const tick = issue("timestamps", { notBeforeMs: LONG_AGO }, clock);
const otherTick = issue("timestamps", { notBeforeMs: LONG_AGO }, issue("authority", { notBeforeMs: LONG_AGO }));

/** The signer that real notation is given, and the store that trusts it. */
export const ROOT = root;
export const SIGNER = { leaf, chain: [leaf, middle, root] } as const;
export const CLOCK = { root: clock, leaf: tick } as const;

const TIMED: NotationSetup = { certificates: root.pem, timestampAuthorities: clock.pem };
const identities = (...list: string[]): NotationSetup => ({ certificates: root.pem, identities: list });
const signedBy = (kind: "leaf" | "authority", wish: Parameters<typeof issue>[1]) => ({
  by: [issue(kind, wish, root), root] as const,
});
const withKey = (keyKind: KeyKind) => signedBy("leaf", { keyKind });
const stampedBy = (by: Issued, atMs = THEN) => ({
  timestamp: (signature: Uint8Array) => timestampOver(signature, by, { atMs }),
});

/** Trusted by the store, and not who the policy names. */
export const ANOTHER_SUBJECT: NotaryCase = {
  given: "by another subject",
  good: false,
  by: [issue("leaf", { subject: named("alone") }, root), root],
};

/** What notation and we say alike. */
export const NOTARY_CASES: readonly NotaryCase[] = [
  { given: "by a certificate under the store's authority", good: true },
  { given: "by a self-signed certificate of the store", good: true, by: [alone], setup: { certificates: alone.pem } },
  ...(["RSA 2048", "RSA 3072", "RSA 4096", "P-384", "P-521"] as const).map((kind) => ({
    given: `with a key of ${kind}`,
    good: true,
    ...withKey(kind),
  })),
  { given: "with a key of RSA 1024", good: false, ...withKey("RSA 1024") },
  { given: "over another image", good: false, payload: () => payloadOf(OTHER) },
  {
    given: "over another media type",
    good: false,
    payload: ({ digest, size }) => payloadOf(digest, size, "application/json"),
  },
  { given: "over another size", good: false, payload: ({ digest, size }) => payloadOf(digest, size + 1) },
  { given: "that expires later", good: true, wish: { expiryMs: NOW + DAY_MS } },
  { given: "that has expired", good: false, wish: { signingTimeMs: NOW - DAY_MS, expiryMs: NOW - HOUR_MS } },
  { given: "that expires before it is made", good: false, wish: { expiryMs: NOW - DAY_MS } },
  { given: "of an unknown scheme", good: false, wish: { scheme: "notary.x510" } },
  { given: "of no signing time", good: false, wish: { signingTimeMs: "none" } },
  {
    given: "whose scheme is not critical",
    good: false,
    wish: { critical: ["com.example.x"], more: { "com.example.x": "y" } },
  },
  { given: "whose expiry is not critical", good: false, wish: { expiryMs: NOW + DAY_MS, critical: [SCHEME] } },
  { given: "with a critical attribute that is not there", good: false, wish: { critical: [SCHEME, "com.example.x"] } },
  {
    given: "that wants a plugin",
    good: false,
    wish: {
      more: { "io.cncf.notary.verificationPlugin": "acme" },
      critical: [SCHEME, "io.cncf.notary.verificationPlugin"],
    },
  },
  { given: "with a note that is not critical", good: true, wish: { more: { "com.example.x": "y" } } },
  { given: "of another content type", good: false, wish: { contentType: "application/json" } },
  { given: "of another payload", good: false, payload: () => '{"hello":1}' },
  { given: "whose last byte was changed", good: false, tamper: lastByte },
  { given: "by a namesake of the store's authority", good: false, by: [issue("leaf", {}, namesake), namesake] },
  { given: "by a chain without its root", good: false, by: [leaf, middle] },
  { given: "by a chain in disorder", good: false, by: [leaf, root, middle] },
  { given: "by a chain with a stranger at its end", good: false, by: [leaf, middle, root, namesake] },
  { given: "whose intermediate is in the store", good: true, setup: { certificates: middle.pem } },
  { given: "by an authority itself", good: false, by: [middle, root] },
  {
    given: "by a certificate for servers",
    good: false,
    ...signedBy("leaf", { extKeyUsage: { purposes: [EKU.serverAuth] } }),
  },
  {
    given: "by a certificate for timestamps",
    good: false,
    ...signedBy("leaf", { extKeyUsage: { purposes: [EKU.timeStamping] } }),
  },
  { given: "by a certificate of no extended key usage", good: true, ...signedBy("leaf", { extKeyUsage: "none" }) },
  { given: "by a certificate of no key usage", good: false, ...signedBy("leaf", { keyUsage: "none" }) },
  {
    given: "by a certificate whose key usage is not critical",
    good: false,
    ...signedBy("leaf", { keyUsage: { bits: [0], critical: false } }),
  },
  { given: "by a certificate that may encipher", good: false, ...signedBy("leaf", { keyUsage: { bits: [0, 2] } }) },
  { given: "by a certificate that has expired", good: false, by: [expired, root] },
  { given: "by a certificate that is not valid yet", good: false, ...signedBy("leaf", { notBeforeMs: NOW + DAY_MS }) },
  {
    given: "by an identity of the policy",
    good: true,
    setup: identities("x509.subject: C=US, ST=WA, O=Acme, CN=build"),
  },
  { given: "by part of an identity", good: true, setup: identities("x509.subject: C=US, ST=WA, O=Acme") },
  {
    given: "by one of two identities",
    good: true,
    setup: identities("x509.subject: C=US, ST=WA, O=Acme, CN=x", "x509.subject: C=US, ST=WA, O=Acme, CN=build"),
  },
  { given: "by another identity", good: false, setup: identities("x509.subject: C=US, ST=WA, O=Acme, CN=deploy") },
  {
    given: "by an identity that only starts alike",
    good: false,
    setup: identities("x509.subject: C=US, ST=WA, O=Acme, CN=buil"),
  },
  {
    given: "by a subject that cannot be compared",
    good: false,
    ...signedBy("leaf", { subject: [...named("build"), [TYPE.OU, "a"], [TYPE.OU, "b"]] }),
    setup: identities("x509.subject: C=US, ST=WA, O=Acme"),
  },
  {
    given: "by a signing authority, in its time",
    good: true,
    by: [serviceLeaf, service],
    wish: authentic(THEN),
    setup: { signingAuthorities: service.pem },
  },
  {
    given: "by a signing authority, out of its time",
    good: false,
    by: [serviceLeaf, service],
    wish: authentic(NOW),
    setup: { signingAuthorities: service.pem },
  },
  {
    given: "by a signing authority that is only an authority here",
    good: false,
    by: [serviceLeaf, service],
    wish: authentic(THEN),
    setup: { certificates: service.pem },
  },
  {
    given: "timestamped before its certificate expired",
    good: true,
    by: [expired, root],
    wish: stampedBy(tick),
    setup: TIMED,
  },
  {
    given: "timestamped after its certificate expired",
    good: false,
    by: [expired, root],
    wish: stampedBy(tick, ENDED + HOUR_MS),
    setup: TIMED,
  },
  { given: "timestamped by a stranger", good: false, by: [expired, root], wish: stampedBy(otherTick), setup: TIMED },
  {
    given: "with the timestamp of another signature",
    good: false,
    wish: { timestamp: () => timestampOver(Buffer.from("x"), tick) },
    setup: TIMED,
  },
  { given: "without the timestamp that is asked for", good: false, setup: TIMED },
  {
    given: "without a timestamp while none is needed",
    good: true,
    setup: { ...TIMED, verifyTimestamp: "afterCertExpiry" },
  },
  {
    given: "expired and timestamped where timestamps are not asked for",
    good: false,
    by: [expired, root],
    wish: stampedBy(tick),
  },
];

/** Where the specification asks for more than notation 1.3 checks, or where two readings would be possible: we refuse. */
export const STRICTER_CASES: readonly NotaryCase[] = [
  {
    given: "with a critical attribute that nobody understands",
    good: false,
    wish: { critical: [SCHEME, "com.example.x"], more: { "com.example.x": "y" } },
  },
  {
    given: "by a certificate for any purpose",
    good: false,
    ...signedBy("leaf", { extKeyUsage: { purposes: [EKU.any] } }),
  },
  {
    given: "by an authority whose basic constraints are not critical",
    good: false,
    by: (() => {
      const loose = issue("authority", { basicConstraints: { isCa: true, critical: false } }, root);
      return [issue("leaf", {}, loose), loose, root] as const;
    })(),
  },
];

function authentic(atMs: number): Partial<SignatureWish> {
  return { scheme: "notary.x509.signingAuthority", authenticSigningTimeMs: atMs };
}

/** Both forms end with something signed: base64url of the signature and a brace, or the signature itself. */
function lastByte(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString("latin1");
  if (!text.startsWith("{")) return bytes.with(bytes.length - 1, (bytes.at(-1) ?? 0) ^ 0xff);
  const envelope = JSON.parse(text) as { signature: string };
  const signature = Buffer.from(envelope.signature, "base64url");
  signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 0xff;
  return writeJws({ ...envelope, signature: base64url(signature) });
}

export const ENVELOPE_FORMS = ["application/jose+json", "application/cose"] as const;

/** The envelope of a case about this image. */
export function envelopeOf(one: NotaryCase, image: Pushed, mediaType: (typeof ENVELOPE_FORMS)[number]): Uint8Array {
  const payload = one.payload?.(image) ?? payloadOf(image.digest, image.size, image.mediaType);
  const wish = { payload, ...one.wish };
  const by = one.by ?? SIGNER.chain;
  const bytes =
    mediaType === "application/cose"
      ? writeCose(signCose(by, image.digest, wish))
      : writeJws(signJws(by, image.digest, wish));
  return one.tamper?.(bytes) ?? bytes;
}
