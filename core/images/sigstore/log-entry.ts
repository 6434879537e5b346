import type { KeyObject } from "node:crypto";
import type { TransparencyLogEntry } from "@sigstore/bundle";
import { malformed } from "../claims/statement.ts";
import { checkEntryBody } from "./entry-body.ts";
import { CHECKPOINT_LIMIT_CHARS, ENTRY_BODY_LIMIT_BYTES, PROOF_HASHES_LIMIT } from "./limits.ts";
import type { SignedMaterial } from "./material.ts";
import type { Log } from "./trusted-root.ts";

/** A log that took an entry, and when, where its own signature says so. */
export interface LogWitness {
  readonly log: Log;
  /** Milliseconds since the epoch; `undefined` for Rekor v2, whose entries carry no time. */
  readonly integratedAtMs?: number;
}

/**
 * What the library leaves open about a log entry. That the log signed it, and that the Merkle proof holds, is the
 * library's work; here: that the entry is about this artefact, and that nothing in it is merely said.
 *
 * @param log  of the trust root, whose the entry says it is
 * @param signer  certificate or key that made the signature
 * @throws {CodedError} EVIDENCE_MALFORMED
 */
export function checkLogEntry(
  entry: TransparencyLogEntry,
  log: Log,
  material: SignedMaterial,
  signer: Buffer | KeyObject,
): LogWitness {
  if (entry.canonicalizedBody.byteLength > ENTRY_BODY_LIMIT_BYTES) throw malformed("its log entry is too large");
  checkEntryBody(entry.canonicalizedBody, material, signer);
  if (entry.inclusionProof !== undefined) checkProof(entry, entry.inclusionProof, log);
  if (!WHOLE_SECONDS.test(entry.integratedTime)) throw malformed("its log entry has a time that is no whole number");
  const integratedAtMs = Number(entry.integratedTime) * 1000;
  if (entry.inclusionPromise === undefined) {
    if (integratedAtMs !== 0) throw malformed("its log entry has a time that no log signed");
    return { log };
  }
  if (!(integratedAtMs > 0)) throw malformed("its log entry has a promise without a time");
  return { log, integratedAtMs };
}

/** Seconds since the epoch as a log writes them; twelve digits reach beyond the year 9999. */
const WHOLE_SECONDS = /^(?:0|[1-9]\d{0,11})$/;

type Proof = NonNullable<TransparencyLogEntry["inclusionProof"]>;

/** The proof repeats what its checkpoint says; a proof that contradicts itself is nobody's. */
function checkProof(entry: TransparencyLogEntry, proof: Proof, log: Log): void {
  const envelope = proof.checkpoint?.envelope ?? "";
  if (envelope.length > CHECKPOINT_LIMIT_CHARS) throw malformed("its checkpoint is too long");
  if (proof.hashes.length > PROOF_HASHES_LIMIT) throw malformed("its inclusion proof is too long");
  const { origin, size, rootHash, signers } = readCheckpoint(envelope);
  if (size !== proof.treeSize) throw malformed("its checkpoint is of another tree size than its proof");
  if (rootHash !== proof.rootHash.toString("base64")) throw malformed("its checkpoint has another root than its proof");
  if (!signers.includes(log.name)) throw malformed(`its checkpoint is not signed by ${log.name}`);
  if (origin !== log.name && !origin.startsWith(`${log.name} - `))
    throw malformed(`its checkpoint is of another log than ${log.name}`);
  if (
    entry.kindVersion.version === "0.0.2" &&
    entry.inclusionPromise === undefined &&
    entry.logIndex !== proof.logIndex
  )
    throw malformed("its log index is not its proof's");
}

/** "origin\nsize\nroot\n\n" and a line for each signature. @see C2SP tlog-checkpoint and signed-note */
const CHECKPOINT = /^([^\n]+)\n(\d{1,19})\n([A-Za-z0-9+/]{43}=)\n(?:[^\n]+\n)*\n((?:\u2014 \S+ [A-Za-z0-9+/=]+\n)+)$/u;

function readCheckpoint(envelope: string): { origin: string; size: string; rootHash: string; signers: string[] } {
  const [, origin = "", size = "", rootHash = "", signatures = ""] = CHECKPOINT.exec(envelope) ?? [];
  if (signatures === "") throw malformed("its checkpoint is not one");
  const signers = signatures
    .trimEnd()
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "");
  return { origin, size, rootHash, signers };
}
