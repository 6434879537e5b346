import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CodedError, codedSystemError, messageOf } from "../../core/base/errors.ts";
import { COLLECTOR_ERRORS } from "../errors.ts";
import { isWhole, recordsOf, WalSegment } from "./wal.ts";

const SNAPSHOT = "snapshot.json";
const SEGMENT = /^wal-(\d{9})\.log$/;
/** Version of the state on disk; another one is refused, never guessed at. */
export const STATE_VERSION = 1;

/** What an opened store found. */
export interface Found {
  /** The state of the last snapshot, `undefined` when there is none. */
  readonly state: unknown;
  /** Records written after it, oldest first. */
  readonly records: readonly Uint8Array[];
  /** Segments that end in a damaged record: a crash leaves one torn end at most. */
  readonly damaged: number;
}

/**
 * State on disk: a snapshot, and the log of what came after it. `beginSnapshot` must be called between two appends
 * with the state as of that moment; the log before it is removed once the snapshot is safely on disk.
 */
export class Store {
  readonly #folder: string;
  #segment: WalSegment;
  #sequence: number;
  /** Snapshots are written one after the other; one that is older than what is on disk is not written any more. */
  #writing: Promise<void> = Promise.resolve();
  #writtenFrom = 0;

  private constructor(folder: string, segment: WalSegment, sequence: number) {
    this.#folder = folder;
    this.#segment = segment;
    this.#sequence = sequence;
  }

  /** @throws {CodedError} DISK_FULL, COLLECTOR_STATE_BROKEN */
  static async open(folder: string): Promise<{ store: Store; found: Found }> {
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { fromSegment, state } = await readSnapshot(join(folder, SNAPSHOT));
      const sequences = (await segmentsOf(folder)).filter((sequence) => sequence >= fromSegment);
      const records: Uint8Array[] = [];
      let damaged = 0;
      for (const sequence of sequences) {
        const segment = await readFile(segmentPath(folder, sequence));
        const whole = [...recordsOf(segment)];
        for (const record of whole) records.push(record);
        damaged += isWhole(segment, whole) ? 0 : 1;
      }
      const next = Math.max(fromSegment, ...sequences) + 1;
      const store = new Store(folder, await WalSegment.create(segmentPath(folder, next)), next);
      return { store, found: { state, records, damaged } };
    } catch (thrown) {
      throw codedSystemError(thrown, folder);
    }
  }

  /** Bytes of log since the last snapshot began. */
  get logBytes(): number {
    return this.#segment.bytes;
  }

  append(record: Uint8Array): Promise<void> {
    return this.#segment.append(record);
  }

  sync(): Promise<void> {
    return this.#segment.sync();
  }

  /**
   * Starts a new segment; what it resolves to then writes the snapshot, while appends go on.
   * @throws {CodedError} DISK_FULL: the old log stays and nothing is lost
   */
  async beginSnapshot(state: unknown): Promise<() => Promise<void>> {
    const text = JSON.stringify({ version: STATE_VERSION, fromSegment: this.#sequence + 1, state });
    const next = await WalSegment.create(segmentPath(this.#folder, this.#sequence + 1));
    const before = this.#segment;
    this.#segment = next;
    this.#sequence++;
    await before.close();
    const fromSegment = this.#sequence;
    return () => {
      this.#writing = this.#writing.catch(() => {}).then(() => this.#writeSnapshot(text, fromSegment));
      return this.#writing;
    };
  }

  close(): Promise<void> {
    return this.#segment.close();
  }

  async #writeSnapshot(text: string, fromSegment: number): Promise<void> {
    if (fromSegment <= this.#writtenFrom) return;
    const path = join(this.#folder, SNAPSHOT);
    const temporary = `${path}.new`;
    try {
      const file = await open(temporary, "w", 0o600);
      await file
        .writeFile(text)
        .then(() => file.sync())
        .finally(() => file.close());
      await rename(temporary, path);
      this.#writtenFrom = fromSegment;
      const old = (await segmentsOf(this.#folder)).filter((sequence) => sequence < fromSegment);
      for (const sequence of old) await rm(segmentPath(this.#folder, sequence), { force: true });
    } catch (thrown) {
      throw codedSystemError(thrown, path);
    }
  }
}

function segmentPath(folder: string, sequence: number): string {
  return join(folder, `wal-${String(sequence).padStart(9, "0")}.log`);
}

async function segmentsOf(folder: string): Promise<number[]> {
  const matches = (await readdir(folder)).map((name) => SEGMENT.exec(name)?.[1]);
  return matches
    .filter((digits) => digits !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b);
}

async function readSnapshot(path: string): Promise<{ fromSegment: number; state: unknown }> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (thrown) {
    if ((thrown as { code?: string }).code === "ENOENT") return { fromSegment: 0, state: undefined };
    throw thrown;
  }
  try {
    const { version, fromSegment, state } = JSON.parse(text);
    if (version === STATE_VERSION && Number.isSafeInteger(fromSegment)) return { fromSegment, state };
    throw new Error(`version ${version}, expected ${STATE_VERSION}`);
  } catch (cause) {
    const { fix } = COLLECTOR_ERRORS.COLLECTOR_STATE_BROKEN;
    throw new CodedError("COLLECTOR_STATE_BROKEN", `${path}: ${messageOf(cause)}`, fix, { cause });
  }
}
