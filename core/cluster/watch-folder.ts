import { type FSWatcher, watch } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { MINUTE_MS } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import type { ClusterObjects } from "./objects.ts";
import { readFolder } from "./read-folder.ts";

/** Quiet time after a file event before the folder is read, in milliseconds: editors write in several steps. */
export const SETTLE_MS = 50;
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
  let settling: NodeJS.Timeout | undefined;

  const reread = () => {
    try {
      const before = model;
      model = readFolder(folder);
      failure = undefined;
      if (!isDeepStrictEqual(model, before)) onChange(model, before);
    } catch (thrown) {
      const again = failure?.message === asError(thrown).message;
      failure = asError(thrown);
      if (!again) options.onError?.(failure);
    }
  };
  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(reread, SETTLE_MS);
  };
  const relist = setInterval(reread, options.relistIntervalMs ?? DEFAULT_RELIST_MS);
  const watcher = watchTree(folder, soon);
  soon(); // for what changed between the first read and the start of the watch
  return {
    current: () => model,
    lastError: () => failure,
    close: () => {
      clearTimeout(settling);
      clearInterval(relist);
      watcher?.close();
    },
  };
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
