import { type FSWatcher, statSync, watch } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { MINUTE_MS, SECOND_MS } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import type { ClusterObjects } from "./objects.ts";
import { readFolder } from "./read-folder.ts";

/** Quiet time after a file event before the folder is read, in milliseconds: editors write in several steps. */
export const SETTLE_MS = 50;
/** Longest time that further events may put the reading off, in milliseconds. */
export const LONGEST_SETTLE_MS = SECOND_MS;
/** How soon a folder that did not read is read again, in milliseconds. */
export const RETRY_MS = SECOND_MS;
export const DEFAULT_RELIST_MS = MINUTE_MS;

export interface FolderWatch {
  /** The last good model. */
  current(): ClusterObjects;
  /** Why the folder could not be read last time; `undefined` when it was. */
  lastError(): Error | undefined;
  close(): void;
}

export interface WatchOptions {
  /** A watch is never trusted for ever: the folder is read again this often, in milliseconds. */
  readonly relistIntervalMs?: number;
  /** A broken folder keeps the last good model and is reported here, once per distinct message. */
  readonly onError?: (error: Error) => void;
}

/**
 * Reads a folder of manifests and again after each change.
 *
 * @param onChange  called with the new model and the one before it, only when they differ
 * @throws {CodedError} CLUSTER_FOLDER, CONFIG_INVALID when the first read fails
 */
export function watchFolder(
  folder: string,
  options: WatchOptions,
  onChange: (objects: ClusterObjects, before: ClusterObjects) => void,
): FolderWatch {
  let model = readFolder(folder);
  let failure: Error | undefined;
  let waiting: NodeJS.Timeout | undefined;
  let firstEventMs: number | undefined;
  const eyes = createEyes(folder, () => soon());

  const reread = () => {
    firstEventMs = undefined;
    try {
      const before = model;
      model = readFolder(folder);
      failure = undefined;
      eyes.open();
      if (!isDeepStrictEqual(model, before)) onChange(model, before);
    } catch (thrown) {
      const again = failure?.message === asError(thrown).message;
      failure = asError(thrown);
      if (!again) options.onError?.(failure);
      later(RETRY_MS);
    }
  };
  const later = (delayMs: number) => {
    clearTimeout(waiting);
    waiting = setTimeout(reread, delayMs);
  };
  const soon = () => {
    firstEventMs ??= performance.now();
    const leftMs = firstEventMs + LONGEST_SETTLE_MS - performance.now();
    later(Math.max(0, Math.min(SETTLE_MS, leftMs)));
  };
  const relist = setInterval(reread, options.relistIntervalMs ?? DEFAULT_RELIST_MS);
  eyes.open();
  soon(); // for what changed between the first read and the start of the watch
  return {
    current: () => model,
    lastError: () => failure,
    close: () => {
      clearTimeout(waiting);
      clearInterval(relist);
      eyes.close();
    },
  };
}

/** Watches the folder that has the path now: one that was moved away or mounted anew is another. */
function createEyes(folder: string, onEvent: () => void): { open(): void; close(): void } {
  let watcher: FSWatcher | undefined;
  let watched: string | undefined;
  return {
    open: () => {
      const now = identityOf(folder);
      if (now === watched) return;
      watcher?.close();
      watcher = watchTree(folder, onEvent);
      watched = now;
    },
    close: () => watcher?.close(),
  };
}

function identityOf(folder: string): string {
  const { dev, ino } = statSync(folder);
  return `${dev} ${ino}`;
}

/** Without file events (some network file systems) the relist alone notices changes. */
function watchTree(folder: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { recursive: true }, onEvent);
    watcher.on("error", () => watcher.close());
    return watcher;
  } catch {
    return undefined;
  }
}
