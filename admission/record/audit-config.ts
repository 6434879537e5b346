import { z } from "zod";
import { durationField } from "../../core/base/duration.ts";
import { type DecisionLogOptions, LOG_DEFAULTS, type LogNews } from "./log-options.ts";

const MIB = 1024 * 1024;
const above = (most: number) => z.int().min(1).max(most);
const { checkpointEvery, keep, rotateAgeMs, rotateBytes, sync } = LOG_DEFAULTS;
const life = (defaultMs: number) =>
  durationField.refine((ms) => ms > 0, 'expected a duration above zero, such as "10s"').default(defaultMs);

/** The decision log, in the state folder. */
export const auditSchema = z.strictObject({
  /** A file this large, or this old, is closed and another begun. */
  rotateMiB: above(16_384).default(rotateBytes / MIB),
  rotateAge: life(rotateAgeMs),
  /** Full files kept; older ones are removed, which the log itself says. */
  keep: z.int().min(0).max(100_000).default(keep),
  /** A signed checkpoint after so many records, or so long after the last. */
  checkpointEvery: z
    .strictObject({ records: above(1_000_000).default(checkpointEvery.records), time: life(checkpointEvery.ms) })
    .prefault({}),
  /** "checkpoint": the disk is waited for at each checkpoint. "write": before each answer. */
  sync: z.enum(["checkpoint", "write"]).default(sync),
  /** While the log cannot be written: go on answering, count and say so; or admit nothing. */
  whenUnwritable: z.enum(["answer", "refuse"]).default("answer"),
});

export type AuditConfig = z.output<typeof auditSchema>;

export function logOptions(
  { rotateMiB, rotateAge, keep, checkpointEvery, sync }: AuditConfig,
  tell: (news: LogNews) => void,
): DecisionLogOptions {
  const { records, time: ms } = checkpointEvery;
  return {
    ...LOG_DEFAULTS,
    tell,
    rotateBytes: rotateMiB * MIB,
    rotateAgeMs: rotateAge,
    keep,
    checkpointEvery: { records, ms },
    sync,
  };
}
