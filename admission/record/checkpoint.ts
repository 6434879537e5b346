import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { z } from "zod";
import { CodedError, codedSystemError } from "../../core/base/errors.ts";
import { writeFileAtomically } from "../../core/identity/atomic-file.ts";
import { ADMISSION_ERRORS } from "../errors.ts";
import { chainLine, type Position } from "./chain.ts";

/** What is signed begins with this, so that no other signature of the key can stand for one. */
const PURPOSE = "outrider decision log checkpoint v1\n";

/** Why a checkpoint was written. */
const REASONS = ["opened", "records", "time", "rotated", "continued", "closed", "resumed"] as const;
export type CheckpointReason = (typeof REASONS)[number];

const checkpointSchema = z.strictObject({
  at: z.string(),
  why: z.enum(REASONS),
  /** The oldest record that is kept; older files were removed by the log itself. */
  from: z.int().min(1),
  /** Which key signed: the first 16 hex digits of its SHA-256. */
  key: z.string(),
  /** Bytes of a last line that a crash had cut, removed when the log was opened. */
  cut: z.int().optional(),
  /** Decisions that could not be written since the checkpoint before. */
  lost: z.int().optional(),
});

/**
 * A line of the log that says, signed, how far it goes: whoever rewrites a record and every hash after it cannot write
 * the next checkpoint.
 */
export type Checkpoint = z.output<typeof checkpointSchema>;

/** The key that signs checkpoints. */
export interface CheckpointKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** A key that verifies them. */
export interface PublicKey {
  readonly id: string;
  readonly key: KeyObject;
}

/** `,"signature":"…"` and the line's own end. */
const SIGNATURE =
  /^(\{"seq":\d+,"prev":"[0-9a-f]{64}","checkpoint":(\{.*\})),"signature":"([A-Za-z0-9+/]{86}==)","hash":"[0-9a-f]{64}"\}$/;
/** How a checkpoint's line goes on after its position. */
const CHECKPOINT_LINE = /^\{"seq":\d+,"prev":"[0-9a-f]{64}","checkpoint":/;
/** Longest checkpoint line, in bytes. */
const CHECKPOINT_LIMIT_BYTES = 1024;

/** @returns the line that follows `before` and signs for everything up to it */
export function checkpointLine(
  checkpoint: Omit<Checkpoint, "key">,
  before: Position,
  { id, privateKey }: CheckpointKey,
) {
  const fields = `"checkpoint":${JSON.stringify({ ...checkpoint, key: id })}`;
  const body = `{"seq":${before.seq + 1},"prev":"${before.hash}",${fields}`;
  const signature = sign(null, Buffer.from(`${PURPOSE}${body}`), privateKey).toString("base64");
  return chainLine(`${fields},"signature":"${signature}"`, before);
}

/**
 * Reads a line as a checkpoint.
 *
 * @returns `undefined` when it is a record; why it proves nothing when it is a checkpoint that does not verify
 */
export function readCheckpoint(line: Uint8Array, key: PublicKey): Checkpoint | string | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, CHECKPOINT_LIMIT_BYTES)).toString(
    "utf8",
  );
  if (!CHECKPOINT_LINE.test(text)) return undefined;
  const [, body, json, signature] = SIGNATURE.exec(text) ?? [];
  if (body === undefined || json === undefined || signature === undefined)
    return "it is a checkpoint without a signature";
  const checkpoint = checkpointSchema.safeParse(parseJson(json));
  if (!checkpoint.success) return "it is a checkpoint with other fields";
  if (checkpoint.data.key !== key.id)
    return `it is signed by key ${checkpoint.data.key.slice(0, 16)}, not by ${key.id}`;
  const good = verify(null, Buffer.from(`${PURPOSE}${body}`), key.key, Buffer.from(signature, "base64"));
  return good ? checkpoint.data : "its signature does not verify: records before it were written by somebody else";
}

/** The key of a log, made when there is none; its public half is written beside it. @throws {CodedError} AUDIT_KEY */
export function openCheckpointKey(files: { readonly key: string; readonly pub: string }): CheckpointKey {
  if (!existsSync(files.key)) {
    const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }).toString();
    writeFileAtomically(files.key, pem, 0o600);
  }
  const privateKey = parsed(files.key, (pem) => createPrivateKey(pem));
  const publicKey = createPublicKey(privateKey);
  const pem = publicKey.export({ type: "spki", format: "pem" }).toString();
  if (!existsSync(files.pub) || readFileSync(files.pub, "utf8") !== pem) writeFileAtomically(files.pub, pem, 0o644);
  return { id: idOf(publicKey), privateKey };
}

/** @throws {CodedError} AUDIT_KEY */
export function readPublicKey(file: string): PublicKey {
  const key = parsed(file, (pem) => createPublicKey(pem));
  return { id: idOf(key), key };
}

function idOf(key: KeyObject): string {
  return createHash("sha256")
    .update(key.export({ type: "spki", format: "der" }))
    .digest("hex")
    .slice(0, 16);
}

function parsed(file: string, read: (pem: string) => KeyObject): KeyObject {
  try {
    const key = read(readFileSync(file, "utf8"));
    if (key.asymmetricKeyType === "ed25519") return key;
    throw new Error(`expected an Ed25519 key, found ${key.asymmetricKeyType}`);
  } catch (cause) {
    const { message } = codedSystemError(cause, file);
    throw new CodedError("AUDIT_KEY", `${file}: ${message}`, ADMISSION_ERRORS.AUDIT_KEY.fix, { cause });
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
