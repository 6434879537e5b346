import { createHash, sign } from "node:crypto";
import { generateKeys, type KeyPair } from "./certificates.ts";
import { inclusionPath, leafHash, treeHash } from "./merkle.ts";

/** One entry as a bundle holds it. @see sigstore/protobuf-specs sigstore_rekor.proto */
export interface LoggedEntry {
  readonly logIndex: string;
  readonly logId: { readonly keyId: string };
  readonly kindVersion: { readonly kind: string; readonly version: string };
  readonly integratedTime?: string;
  readonly inclusionPromise?: { readonly signedEntryTimestamp: string };
  readonly inclusionProof: {
    readonly logIndex: string;
    readonly rootHash: string;
    readonly treeSize: string;
    readonly hashes: readonly string[];
    readonly checkpoint: { readonly envelope: string };
  };
  readonly canonicalizedBody: string;
}

/** An entry to take: keys of `spec` in alphabetical order, as the log would write them. */
export interface Entry {
  readonly kind: string;
  readonly apiVersion: string;
  readonly spec: unknown;
}

export interface TransparencyLog {
  readonly name: string;
  readonly keys: KeyPair;
  readonly id: Buffer;
  add(entry: Entry, atMs: number): LoggedEntry;
}

/** Entries of others that stand in the log before and after, so that proofs are longer than nothing. */
const NEIGHBOURS = { before: 5, after: 3 };
/** Entries of earlier shards: Rekor v1 counts them in an entry's own index, and not in its proof's. */
const EARLIER_SHARDS = 1000;

/** Rekor v1: ECDSA, promises inclusion with a time, and proves it. @see sigstore/rekor pkg/util/checkpoint.go */
export function createRekorV1(name = "rekor.test"): TransparencyLog {
  const keys = generateKeys();
  const id = createHash("sha256").update(keys.spki).digest();
  return {
    name,
    keys,
    id,
    add: (entry, atMs) => {
      const body = bodyOf(entry);
      const integratedTime = Math.floor(atMs / 1000);
      const logIndex = EARLIER_SHARDS + NEIGHBOURS.before;
      const promised = { body: body.toString("base64"), integratedTime, logID: id.toString("hex"), logIndex };
      const signedEntryTimestamp = sign("sha256", Buffer.from(JSON.stringify(promised)), keys.privateKey);
      return {
        logIndex: String(logIndex),
        ...identified(entry, id),
        integratedTime: String(integratedTime),
        inclusionPromise: { signedEntryTimestamp: signedEntryTimestamp.toString("base64") },
        inclusionProof: prove(body, `${name} - 1193050959916656506`, (note) => noteLine(name, id, keys, note)),
        canonicalizedBody: body.toString("base64"),
      };
    },
  };
}

/** Rekor v2: Ed25519 and a proof; no promise, no time. @see C2SP tlog-checkpoint, signed-note; sigstore/rekor-tiles */
export function createRekorV2(name = "log2026-1.rekor.test"): TransparencyLog {
  const keys = generateKeys("ed25519");
  const raw = keys.spki.subarray(-32);
  const id = createHash("sha256").update(`${name}\n`).update(Buffer.of(1)).update(raw).digest();
  return {
    name,
    keys,
    id,
    add: (entry) => {
      const body = bodyOf(entry);
      return {
        logIndex: String(NEIGHBOURS.before),
        ...identified(entry, id),
        inclusionProof: prove(body, name, (note) => noteLine(name, id, keys, note)),
        canonicalizedBody: body.toString("base64"),
      };
    },
  };
}

function bodyOf({ apiVersion, kind, spec }: Entry): Buffer {
  return Buffer.from(JSON.stringify({ apiVersion, kind, spec }));
}

function identified({ kind, apiVersion }: Entry, id: Buffer): Pick<LoggedEntry, "logId" | "kindVersion"> {
  return { logId: { keyId: id.toString("base64") }, kindVersion: { kind, version: apiVersion } };
}

function prove(body: Buffer, origin: string, signatureLine: (note: string) => string): LoggedEntry["inclusionProof"] {
  const others = (count: number, where: string) =>
    Array.from({ length: count }, (_, at) => leafHash(Buffer.from(`${where} ${at}`)));
  const leaves = [...others(NEIGHBOURS.before, "before"), leafHash(body), ...others(NEIGHBOURS.after, "after")];
  const rootHash = treeHash(leaves).toString("base64");
  const note = `${origin}\n${leaves.length}\n${rootHash}\n`;
  return {
    logIndex: String(NEIGHBOURS.before),
    rootHash,
    treeSize: String(leaves.length),
    hashes: inclusionPath(NEIGHBOURS.before, leaves).map((hash) => hash.toString("base64")),
    checkpoint: { envelope: `${note}\n${signatureLine(note)}` },
  };
}

/** An em dash, the name, and base64 of the key's first four bytes and the signature. @see C2SP signed-note */
function noteLine(name: string, id: Buffer, { kind, privateKey }: KeyPair, note: string): string {
  const signature = sign(kind === "ed25519" ? null : "sha256", Buffer.from(note), privateKey);
  return `\u2014 ${name} ${Buffer.concat([id.subarray(0, 4), signature]).toString("base64")}\n`;
}
