import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { lstatSync, readFileSync, rmSync, writeFileSync } from "node:fs";

/** Length of the key, in bytes: that of the hash. @see RFC 2104, section 3 */
export const SEAL_KEY_BYTES = 32;

/** Authenticates what is written to a file that others might write to. */
export interface Seal {
  /** Over all parts and their boundaries. */
  of(parts: readonly (string | Uint8Array)[]): Uint8Array;
  isOf(seal: Uint8Array, parts: readonly (string | Uint8Array)[]): boolean;
}

/**
 * The seal whose key is in this file, readable by this user alone; made when there is none. A key that others may have
 * read or put there is replaced, and everything sealed with it is worth nothing any more.
 *
 * @param purpose  what the seal is for and which version of it: a seal for another purpose never fits
 */
export function openSeal(file: string, purpose: string): Seal {
  const key = ownKey(file) ?? freshKey(file);
  const of = (parts: readonly (string | Uint8Array)[]) => {
    const hmac = createHmac("sha256", key);
    for (const part of [purpose, ...parts]) {
      const bytes = typeof part === "string" ? Buffer.from(part) : part;
      hmac.update(`${bytes.byteLength}:`).update(bytes);
    }
    return hmac.digest();
  };
  return {
    of,
    isOf: (seal, parts) => {
      const right = of(parts);
      return seal.byteLength === right.byteLength && timingSafeEqual(seal, right);
    },
  };
}

function ownKey(file: string): Uint8Array | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  const mine = found?.isFile() === true && (found.mode & 0o077) === 0 && found.uid === process.getuid?.();
  if (!mine) return undefined;
  const key = readFileSync(file);
  return key.byteLength === SEAL_KEY_BYTES ? key : undefined;
}

function freshKey(file: string): Uint8Array {
  rmSync(file, { force: true, recursive: true });
  const key = randomBytes(SEAL_KEY_BYTES);
  writeFileSync(file, key, { mode: 0o600, flag: "wx" });
  return key;
}
