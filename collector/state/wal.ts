import { type FileHandle, open } from "node:fs/promises";
import { crc32 } from "node:zlib";
import { codedSystemError } from "../../core/base/errors.ts";

/** Length and checksum, four bytes each, before every record. */
const HEADER_BYTES = 8;
/** Longer lengths are damage, not records, in bytes. */
export const RECORD_LIMIT_BYTES = 128 * 1024 * 1024;

/**
 * One segment of the write-ahead log: records appended one after the other. `append` returns when the operating
 * system has the record, so a killed process loses nothing; `sync` makes it survive a power cut.
 */
export class WalSegment {
  readonly path: string;
  readonly #file: FileHandle;
  #offset = 0;
  #synced = 0;

  private constructor(path: string, file: FileHandle) {
    this.path = path;
    this.#file = file;
  }

  /** @throws {CodedError} DISK_FULL */
  static async create(path: string): Promise<WalSegment> {
    return new WalSegment(path, await coded(path, open(path, "w", 0o600)));
  }

  get bytes(): number {
    return this.#offset;
  }

  /** Not to be called again before it has settled. A failed record is overwritten by the next. @throws {CodedError} DISK_FULL */
  async append(payload: Uint8Array): Promise<void> {
    const record = Buffer.allocUnsafe(HEADER_BYTES + payload.length);
    record.writeUInt32LE(payload.length, 0);
    record.writeUInt32LE(crc32(payload), 4);
    record.set(payload, HEADER_BYTES);
    let written = 0;
    while (written < record.length) {
      const part = this.#file.write(record, written, record.length - written, this.#offset + written);
      written += (await coded(this.path, part)).bytesWritten;
    }
    this.#offset += record.length;
  }

  async sync(): Promise<void> {
    if (this.#synced === this.#offset) return;
    const upTo = this.#offset;
    await coded(this.path, this.#file.datasync());
    this.#synced = upTo;
  }

  async close(): Promise<void> {
    await this.sync();
    await this.#file.close();
  }
}

/** The whole records of a segment; a torn or damaged end, as a crash leaves it, ends the list. */
export function* recordsOf(segment: Uint8Array): Generator<Uint8Array> {
  const view = new DataView(segment.buffer, segment.byteOffset, segment.byteLength);
  let at = 0;
  while (at + HEADER_BYTES <= segment.length) {
    const length = view.getUint32(at, true);
    const payload = segment.subarray(at + HEADER_BYTES, at + HEADER_BYTES + length);
    if (length > RECORD_LIMIT_BYTES || payload.length < length) return;
    if (crc32(payload) !== view.getUint32(at + 4, true)) return;
    yield payload;
    at += HEADER_BYTES + length;
  }
}

/** False when bytes follow the last whole record. */
export function isWhole(segment: Uint8Array, records: readonly Uint8Array[]): boolean {
  return records.reduce((sum, record) => sum + HEADER_BYTES + record.length, 0) === segment.length;
}

async function coded<T>(path: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (thrown) {
    throw codedSystemError(thrown, path);
  }
}
