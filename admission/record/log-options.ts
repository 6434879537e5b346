import { type Clock, DAY_MS, SECOND_MS, systemClock } from "../../core/base/clock.ts";

export interface DecisionLogOptions {
  readonly clock: Clock;
  /** A file this large, or this old, is closed and another begun. */
  readonly rotateBytes: number;
  readonly rotateAgeMs: number;
  /** Full files kept; the oldest beyond are removed. */
  readonly keep: number;
  /** A checkpoint is signed after so many records, or so long after the last one when there were any. */
  readonly checkpointEvery: { readonly records: number; readonly ms: number };
  /**
   * When the disk is waited for. "checkpoint": at each checkpoint; a machine that loses power loses at most what came
   * after it, a process that dies loses nothing that was answered. "write": before each answer, many records at a time.
   */
  readonly sync: "checkpoint" | "write";
  /** Hears what people should know, each once. */
  readonly tell: (news: LogNews) => void;
}

/** The log cannot be written, can again, or has a line that is worth keeping elsewhere: begin and end of a file. */
export type LogNews =
  | { readonly kind: "failing"; readonly failure: Error }
  | { readonly kind: "writing" }
  | { readonly kind: "anchored"; readonly seq: number; readonly hash: string };

export const LOG_DEFAULTS: DecisionLogOptions = {
  clock: systemClock,
  rotateBytes: 64 * 1024 * 1024,
  rotateAgeMs: DAY_MS,
  keep: 90,
  checkpointEvery: { records: 1000, ms: 10 * SECOND_MS },
  sync: "checkpoint",
  tell: () => {},
};

/** How the log does. */
export interface LogStatus {
  /** Number of the last line; a count kept elsewhere shows when the log was cut. */
  readonly seq: number;
  readonly written: number;
  readonly lost: number;
  /** Why the last write failed; absent when it did not. */
  readonly failure?: Error;
}
