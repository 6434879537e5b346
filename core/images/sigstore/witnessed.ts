import type { KeyObject } from "node:crypto";
import type { SigstoreRoot } from "../../policy/images/schema/trust-root.ts";
import { malformed } from "../claims/statement.ts";
import { loadLibrary, type SigstoreLibrary } from "./library.ts";
import { checkLogEntry, type LogWitness } from "./log-entry.ts";
import type { SignedMaterial } from "./material.ts";
import { checkTimestamp, readTimestampWitness, type TimestampWitness } from "./timestamp.ts";
import { readTrustedRoot, type SigstoreInstance } from "./trusted-root.ts";

/** A trusted root ready to verify with; made once, its certificates are parsed at the first signature. */
export interface SigstoreVerifier {
  /**
   * Verifies a signature with all that speaks for it, against this root.
   *
   *   one       signature, so that what the log and the timestamp are about is not a matter of choice
   *   log       every entry of a log of the root is about this content, signature and signer; others prove nothing
   *   time      every timestamp was granted
   *   enough    as many logs and timestamps as the root requires, and a time at which all those logs were in use
   *   library   chain, SCTs, log signatures, proofs, timestamps, the signature itself
   *
   * @param signer  the certificate's DER, or a key that needs no certificate
   * Says nothing of its age: what was seen at a time may be much older, and whoever can push can have it seen again.
   *
   * @throws on everything else, saying why
   */
  verify(material: SignedMaterial, signer: Buffer | KeyObject): Promise<void>;
}

/** @throws {CodedError} TRUST_ROOT_INVALID */
export function sigstoreVerifier(root: SigstoreRoot, name: string): SigstoreVerifier {
  const instance = readTrustedRoot(root, name);
  let loading: Promise<SigstoreLibrary> | undefined;
  return {
    verify: async (material, signer) => {
      loading ??= loadLibrary(instance);
      verifyWitnessed(await loading, instance, material, signer);
    },
  };
}

function verifyWitnessed(
  library: SigstoreLibrary,
  instance: SigstoreInstance,
  material: SignedMaterial,
  signer: Buffer | KeyObject,
): void {
  if (material.signatures.length !== 1)
    throw malformed(`it has ${material.signatures.length} signatures, expected one`);
  const known = material.entries.flatMap((entry) => {
    const log = instance.logs.find(({ id }) => id === entry.logId.keyId.toString("base64"));
    return log === undefined ? [] : [{ entry, log }];
  });
  const logged = known.map(({ entry, log }) => checkLogEntry(entry, log, material, signer));
  const stamps = material.timestamps.map((encoded) => {
    checkTimestamp(encoded);
    return library.readTimestamp(encoded);
  });
  const stamped = stamps.map(readTimestampWitness);
  requireEnough(instance, logged, stamped, Buffer.isBuffer(signer));
  const vouched = { ...material, entries: known.map(({ entry }) => entry) };
  library.verify(vouched, stamps, signer);
}

function requireEnough(
  { requires }: SigstoreInstance,
  logged: readonly LogWitness[],
  stamped: readonly TimestampWitness[],
  certified: boolean,
): void {
  const logs = new Set(logged.map(({ log }) => log.id)).size;
  if (logs < requires.transparencyLog)
    throw malformed(`found entries of ${logs} logs of the trust root, expected ${requires.transparencyLog}`);
  const authorities = new Set(stamped.map(({ authority }) => authority)).size;
  if (authorities < requires.timestamps)
    throw malformed(`found ${authorities} timestamp authorities, expected ${requires.timestamps}`);
  const timesMs = [...logged.flatMap(({ integratedAtMs }) => integratedAtMs ?? []), ...stamped.map(({ atMs }) => atMs)];
  if (certified && timesMs.length === 0) throw malformed("nothing that is trusted says when it was made");
  for (const { log } of logged) {
    if (timesMs.length === 0 && Number.isFinite(log.validity.endMs))
      throw malformed(`log ${log.name} is in use no longer, and nothing that is trusted says when it was made`);
    if (timesMs.some((atMs) => atMs < log.validity.startMs || atMs > log.validity.endMs))
      throw malformed(`log ${log.name} was not in use at that time`);
  }
}
