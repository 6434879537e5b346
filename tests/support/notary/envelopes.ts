import { constants, sign } from "node:crypto";
import { encode, Tag } from "cbor2";
import { HOUR_MS } from "../../../core/base/clock.ts";
import type { Digest } from "../../../core/policy/evidence.ts";
import type { Issued } from "./certificates.ts";

export const PAYLOAD_TYPE = "application/vnd.cncf.notary.payload.v1+json";
export const MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json";
const PREFIX = "io.cncf.notary.";

/** Everything about a signature that a test may want otherwise. */
export interface SignatureWish {
  readonly scheme: string;
  readonly signingTimeMs: number | "none";
  readonly authenticSigningTimeMs: number;
  readonly expiryMs: number;
  readonly contentType: string;
  readonly critical: readonly unknown[];
  readonly algorithm: unknown;
  /** More signed attributes by their whole names. */
  readonly more: Readonly<Record<string, unknown>>;
  readonly unsigned: Readonly<Record<string, unknown>>;
  readonly payload: string;
  readonly chain: readonly Uint8Array[];
  readonly timestamp: (signature: Uint8Array) => Uint8Array;
  /** A salt of another length than the hash's, in bytes. */
  readonly saltLength: number;
}

/** What is signed about an image. */
export function payloadOf(digest: Digest, size = 528, mediaType = MANIFEST_TYPE): string {
  return JSON.stringify({ targetArtifact: { mediaType, digest, size } });
}

const ALGORITHMS: Readonly<Record<string, readonly [jws: string, cose: number, hash: string]>> = {
  "rsa 1024": ["PS256", -37, "sha256"],
  "rsa 2048": ["PS256", -37, "sha256"],
  "rsa 3072": ["PS384", -38, "sha384"],
  "rsa 4096": ["PS512", -39, "sha512"],
  "ec prime256v1": ["ES256", -7, "sha256"],
  "ec secp384r1": ["ES384", -35, "sha384"],
  "ec secp521r1": ["ES512", -36, "sha512"],
  ed25519: ["EdDSA", -8, ""],
};

function algorithmOf({ key }: Issued): readonly [jws: string, cose: number, hash: string] {
  const { modulusLength, namedCurve } = key.asymmetricKeyDetails ?? {};
  const kind = `${key.asymmetricKeyType} ${modulusLength ?? namedCurve ?? ""}`.trim();
  return ALGORITHMS[kind] ?? ["none", 0, "sha256"];
}

/** RSASSA-PSS, or ECDSA as two numbers. */
function signRaw(signer: Issued, bytes: Uint8Array, { saltLength }: Partial<SignatureWish>): Uint8Array {
  const [, , hash] = algorithmOf(signer);
  if (signer.key.asymmetricKeyType === "ed25519") return new Uint8Array(sign(null, bytes, signer.key));
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: saltLength ?? constants.RSA_PSS_SALTLEN_DIGEST };
  const form = signer.key.asymmetricKeyType === "rsa" ? pss : { dsaEncoding: "ieee-p1363" as const };
  return new Uint8Array(sign(hash, bytes, { key: signer.key, ...form }));
}

/** Signed attributes but for algorithm, content type and critical; times in milliseconds. */
function attributesOf(wish: Partial<SignatureWish>): Record<string, unknown> {
  const { scheme = "notary.x509", signingTimeMs = Date.now() - HOUR_MS, authenticSigningTimeMs, expiryMs, more } = wish;
  const own = scheme === "notary.x509" && signingTimeMs !== "none" ? { [`${PREFIX}signingTime`]: signingTimeMs } : {};
  return {
    [`${PREFIX}signingScheme`]: scheme,
    ...(wish.signingTimeMs === undefined || signingTimeMs === "none"
      ? own
      : { [`${PREFIX}signingTime`]: signingTimeMs }),
    ...(authenticSigningTimeMs === undefined ? {} : { [`${PREFIX}authenticSigningTime`]: authenticSigningTimeMs }),
    ...(expiryMs === undefined ? {} : { [`${PREFIX}expiry`]: expiryMs }),
    ...more,
  };
}

const TIMES = [`${PREFIX}signingTime`, `${PREFIX}authenticSigningTime`, `${PREFIX}expiry`];

function criticalOf(attributes: Record<string, unknown>): string[] {
  const names = [`${PREFIX}signingScheme`, `${PREFIX}authenticSigningTime`, `${PREFIX}expiry`];
  return names.filter((name) => name in attributes);
}

/** A JWS envelope, opened up so that a test may change it before it is written. */
export interface JwsEnvelope {
  payload: string;
  protected: string;
  header: Record<string, unknown>;
  signature: string;
}

export const base64url = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString("base64url");

export function signJws(
  chain: readonly [Issued, ...Issued[]],
  digest: Digest,
  wish: Partial<SignatureWish> = {},
): JwsEnvelope {
  const [signer] = chain;
  const attributes = attributesOf(wish);
  const written = Object.entries(attributes).map(([name, value]) =>
    TIMES.includes(name) && typeof value === "number"
      ? [name, new Date(value).toISOString().replace(/\.\d+Z/, "Z")]
      : [name, value],
  );
  const header = {
    alg: wish.algorithm ?? algorithmOf(signer)[0],
    cty: wish.contentType ?? PAYLOAD_TYPE,
    crit: wish.critical ?? criticalOf(attributes),
    ...Object.fromEntries(written),
  };
  const inner = base64url(JSON.stringify(header));
  const payload = base64url(wish.payload ?? payloadOf(digest));
  const signature = signRaw(signer, Buffer.from(`${inner}.${payload}`), wish);
  return {
    payload,
    protected: inner,
    header: {
      x5c: (wish.chain ?? chain.map(({ der }) => der)).map((one) => Buffer.from(one).toString("base64")),
      ...(wish.timestamp && {
        [`${PREFIX}timestampSignature`]: Buffer.from(wish.timestamp(signature)).toString("base64"),
      }),
      [`${PREFIX}signingAgent`]: "outrider-tests/1.0.0",
      ...wish.unsigned,
    },
    signature: base64url(signature),
  };
}

/** A COSE envelope's four parts, with the labels still as maps. */
export interface CoseEnvelope {
  protected: Uint8Array;
  unprotected: Map<unknown, unknown>;
  payload: Uint8Array;
  signature: Uint8Array;
}

export function signCose(
  chain: readonly [Issued, ...Issued[]],
  digest: Digest,
  wish: Partial<SignatureWish> = {},
): CoseEnvelope {
  const [signer] = chain;
  const attributes = attributesOf(wish);
  const labels = new Map<unknown, unknown>([
    [1, wish.algorithm ?? algorithmOf(signer)[1]],
    [2, wish.critical ?? criticalOf(attributes)],
    [3, wish.contentType ?? PAYLOAD_TYPE],
    ...Object.entries(attributes).map(([name, value]): [string, unknown] => [
      name,
      TIMES.includes(name) && typeof value === "number" ? new Tag(1, Math.floor(value / 1000)) : value,
    ]),
  ]);
  return signLabels(chain, encode(labels), new TextEncoder().encode(wish.payload ?? payloadOf(digest)), wish);
}

/** Signs a protected header of the test's own making. */
export function signLabels(
  chain: readonly [Issued, ...Issued[]],
  labels: Uint8Array,
  payload: Uint8Array,
  wish: Partial<SignatureWish> = {},
): CoseEnvelope {
  const signature = signRaw(chain[0], encode(["Signature1", labels, new Uint8Array(), payload]), wish);
  return {
    protected: labels,
    unprotected: new Map<unknown, unknown>([
      [33, wish.chain ?? chain.map(({ der }) => der)],
      ...(wish.timestamp === undefined ? [] : [[`${PREFIX}timestampSignature`, wish.timestamp(signature)] as const]),
      [`${PREFIX}signingAgent`, "outrider-tests/1.0.0"],
      ...Object.entries(wish.unsigned ?? {}),
    ]),
    payload,
    signature,
  };
}

export const writeJws = (envelope: object): Uint8Array => new TextEncoder().encode(JSON.stringify(envelope));

export const writeCose = (envelope: CoseEnvelope, tag = 18): Uint8Array =>
  encode(new Tag(tag, [envelope.protected, envelope.unprotected, envelope.payload, envelope.signature]));
