import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import {
  children,
  contextTag,
  type DerValue,
  expectTag,
  readDer,
  readOid,
  readTime,
  TAG,
} from "../../../wire/x509/der.ts";
import { refuse } from "../refusal.ts";
import { readAlgorithm } from "./cms.ts";

/** Hash functions by object identifier; SHA-1 is none. @see RFC 5754 section 2 */
export const HASHES: Readonly<Record<string, "sha256" | "sha384" | "sha512">> = {
  "2.16.840.1.101.3.4.2.1": "sha256",
  "2.16.840.1.101.3.4.2.2": "sha384",
  "2.16.840.1.101.3.4.2.3": "sha512",
};

/** Without a stated accuracy this policy promises one second. @see RFC 3628 section 5.2 */
const BASELINE_POLICY = "0.4.0.2023.1.1";
const BASELINE_ACCURACY_MS = 1000;

/** When something existed: at a time, give or take the authority's own doubt. In milliseconds since the epoch. */
export interface TimeRange {
  readonly atMs: number;
  readonly earliestMs: number;
  readonly latestMs: number;
}

/**
 * The time that a TSTInfo states about these bytes.
 *
 * @throws {Refused | CodedError} unless it is version 1 and about exactly them
 * @see RFC 3161 section 2.4.2
 */
export function readTimestamp(encoded: Uint8Array, about: Uint8Array): TimeRange {
  const [version, policy, imprint, , time, ...rest] = children(expectTag(readDer(encoded), TAG.sequence));
  if (readInteger(expectTag(version, TAG.integer)) !== 1) refuse("a timestamp of another version", "version 1");
  judgeImprint(expectTag(imprint, TAG.sequence), about);
  const atMs = readGeneralizedTime(time);
  const accuracyMs = readAccuracy(rest[0], readOid(expectTag(policy, TAG.oid)));
  return { atMs, earliestMs: atMs - accuracyMs, latestMs: atMs + accuracyMs };
}

function judgeImprint(imprint: DerValue, about: Uint8Array): void {
  const [algorithm, digest] = children(imprint);
  const hash = hashOf(readAlgorithm(algorithm));
  const found = expectTag(digest, TAG.octetString).content;
  if (Buffer.compare(found, createHash(hash).update(about).digest()) !== 0)
    refuse("a timestamp over another signature", "one over this");
}

/** @throws {Refused} for a hash that proves nothing any more */
export function hashOf(oid: string): "sha256" | "sha384" | "sha512" {
  const hash = Object.hasOwn(HASHES, oid) ? HASHES[oid] : undefined;
  return hash ?? refuse(`a timestamp with hash function ${oid}`, "SHA-256, SHA-384 or SHA-512");
}

/** GeneralizedTime in UTC; parts of a second may follow, which are kept to the millisecond. */
function readGeneralizedTime(value: DerValue | undefined): number {
  const found = expectTag(value, TAG.generalizedTime);
  const text = new TextDecoder("latin1").decode(found.content);
  const [, whole, fraction = ""] = /^(\d{14})(?:\.(\d{0,9}[1-9]))?Z$/.exec(text) ?? [];
  if (whole === undefined) return refuse("a timestamp with an odd time", "a GeneralizedTime in UTC");
  const content = new TextEncoder().encode(`${whole}Z`);
  return readTime({ ...found, content }) + Math.trunc(Number(`0.${fraction || "0"}`) * 1000);
}

/** Seconds, and [0] thousandths and [1] millionths of one; sub-millisecond doubt counts as a whole millisecond. */
function readAccuracy(value: DerValue | undefined, policy: string): number {
  const unstated = policy === BASELINE_POLICY ? BASELINE_ACCURACY_MS : 0;
  if (value?.tag !== TAG.sequence) return unstated;
  const unit: Readonly<Record<number, number>> = { [TAG.integer]: 1000, [contextTag(0)]: 1, [contextTag(1)]: 0.001 };
  const sum = children(value).reduce(
    (total, part) =>
      total + readInteger(part) * (unit[part.tag] ?? refuse("an odd accuracy", "seconds and parts of them")),
    0,
  );
  return sum === 0 ? unstated : Math.ceil(sum);
}

/** A non-negative INTEGER of at most four bytes. */
function readInteger({ content }: DerValue): number {
  if (content.length === 0 || content.length > 4 || (content[0] ?? 0) > 0x7f)
    return refuse("an odd number", "a small one");
  return content.reduce((total, byte) => total * 256 + byte, 0);
}
