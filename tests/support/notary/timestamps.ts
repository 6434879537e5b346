import { createHash, sign } from "node:crypto";
import { contextTag, explicitTag, TAG } from "../../../core/wire/x509/der.ts";
import { der, integer, octetString, oid, sequence, setOf, time } from "../../../core/wire/x509/der-writer.ts";
import { type Issued, signatureAlgorithm } from "./certificates.ts";

const OIDS = {
  signedData: "1.2.840.113549.1.7.2",
  tstInfo: "1.2.840.113549.1.9.16.1.4",
  contentType: "1.2.840.113549.1.9.3",
  messageDigest: "1.2.840.113549.1.9.4",
  signingTime: "1.2.840.113549.1.9.5",
  signingCertificateV2: "1.2.840.113549.1.9.16.2.47",
} as const;

const HASH = {
  sha1: "1.3.14.3.2.26",
  sha256: "2.16.840.1.101.3.4.2.1",
  sha384: "2.16.840.1.101.3.4.2.2",
  sha512: "2.16.840.1.101.3.4.2.3",
} as const;

/** Everything about a timestamp that a test may want otherwise. */
export interface TimestampWish {
  readonly atMs: number;
  /** What is put behind the seconds: "", ".5". */
  readonly fraction: string;
  readonly version: number;
  readonly policy: string;
  readonly accuracy: { readonly seconds?: number; readonly millis?: number; readonly micros?: number };
  /** The whole of the request's, repeated: its hash's parameters may be there or not. */
  readonly messageImprint: Uint8Array;
  readonly imprintHash: keyof typeof HASH;
  /** The request's nonce, an INTEGER's content. */
  readonly nonce: Uint8Array;
  readonly contentType: string;
  /** The certificates in the token; the signer's alone is usual where the root is in the store. */
  readonly certificates: readonly Issued[];
  /** The certificate that the signed attributes bind. */
  readonly bound: Issued;
  readonly messageDigest: Uint8Array;
  readonly signingTimeMs: number;
  readonly leaveOut: keyof typeof OIDS;
  readonly signers: number;
  readonly breakSignature: boolean;
}

/** A TimeStampToken over these bytes, as RFC 3161 and RFC 5652 write it. */
export function timestampOver(about: Uint8Array, by: Issued, wish: Partial<TimestampWish> = {}): Uint8Array {
  const content = tstInfo(about, wish);
  const signer = signerInfo(content, by, wish);
  const certificates = (wish.certificates ?? [by]).map((one) => one.der);
  const signedData = sequence(
    integer(Uint8Array.of(3)),
    setOf(sequence(oid(HASH.sha256))),
    sequence(oid(wish.contentType ?? OIDS.tstInfo), der(explicitTag(0), octetString(content))),
    ...(certificates.length === 0 ? [] : [der(explicitTag(0), ...certificates)]),
    setOf(...Array.from({ length: wish.signers ?? 1 }, () => signer)),
  );
  return sequence(oid(OIDS.signedData), der(explicitTag(0), signedData));
}

function tstInfo(about: Uint8Array, wish: Partial<TimestampWish>): Uint8Array {
  const {
    atMs = Date.now(),
    fraction = "",
    version = 1,
    policy = "1.2.3.4.1",
    accuracy,
    imprintHash = "sha256",
  } = wish;
  const digits = new Date(atMs)
    .toISOString()
    .replace(/\.\d+Z$/, "")
    .replace(/[-:T]/g, "");
  return sequence(
    integer(Uint8Array.of(version)),
    oid(policy),
    wish.messageImprint ??
      sequence(sequence(oid(HASH[imprintHash])), octetString(createHash(imprintHash).update(about).digest())),
    integer(Uint8Array.of(7)),
    der(TAG.generalizedTime, new TextEncoder().encode(`${digits}${fraction}Z`)),
    ...(accuracy === undefined ? [] : [writeAccuracy(accuracy)]),
    ...(wish.nonce === undefined ? [] : [integer(wish.nonce)]),
  );
}

function writeAccuracy({ seconds, millis, micros }: TimestampWish["accuracy"]): Uint8Array {
  const two = (value: number) => (value > 0x7f ? Uint8Array.of(value >> 8, value & 0xff) : Uint8Array.of(value));
  return sequence(
    ...(seconds === undefined ? [] : [integer(two(seconds))]),
    ...(millis === undefined ? [] : [der(contextTag(0), two(millis))]),
    ...(micros === undefined ? [] : [der(contextTag(1), two(micros))]),
  );
}

function signerInfo(content: Uint8Array, by: Issued, wish: Partial<TimestampWish>): Uint8Array {
  const bound = createHash("sha256")
    .update((wish.bound ?? by).der)
    .digest();
  const attribute = (id: keyof typeof OIDS, value: Uint8Array) =>
    wish.leaveOut === id ? [] : [sequence(oid(OIDS[id]), setOf(value))];
  const attributes = [
    ...attribute("contentType", oid(OIDS.tstInfo)),
    ...attribute("messageDigest", octetString(wish.messageDigest ?? createHash("sha256").update(content).digest())),
    ...attribute("signingCertificateV2", sequence(sequence(sequence(octetString(bound))))),
    ...(wish.signingTimeMs === undefined ? [] : attribute("signingTime", time(wish.signingTimeMs))),
  ];
  const signature = Buffer.from(sign("sha256", setOf(...attributes), by.key));
  if (wish.breakSignature === true) signature[signature.length - 1] = (signature.at(-1) ?? 0) ^ 1;
  return sequence(
    integer(Uint8Array.of(1)),
    sequence(by.issuerDer, integer(by.serial)),
    sequence(oid(HASH.sha256)),
    der(explicitTag(0), ...attributes),
    signatureAlgorithm(by.key, "sha256"),
    octetString(signature),
  );
}
