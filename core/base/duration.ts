import { z } from "zod";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "./clock.ts";

const UNIT_MS = { ms: 1, s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS } as const;
const DURATION = /^(\d{1,9})(ms|s|m|h|d|w)$/;

/** "250ms", "30s", "5m", "1h", "7d", "4w" as milliseconds; `undefined` when it is not one. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text);
  if (match === null) return undefined;
  return Number(match[1]) * UNIT_MS[match[2] as keyof typeof UNIT_MS];
}

/** The shortest exact form: 3600000 is "1h", 90000 is "90s". */
export function formatDuration(durationMs: number): string {
  const units = Object.entries(UNIT_MS).toReversed();
  const [name, size] = units.find(([, ms]) => ms !== 7 * DAY_MS && durationMs % ms === 0 && durationMs > 0) ?? [
    "ms",
    1,
  ];
  return `${durationMs / size}${name}`;
}

/** A configuration field holding a duration; its value is milliseconds. */
export const durationField = z
  .string('expected a duration such as "30s" (units ms, s, m, h, d, w)')
  .transform((text, context) => {
    const parsed = parseDuration(text);
    if (parsed !== undefined) return parsed;
    context.addIssue({ code: "custom", message: 'expected a duration such as "30s" (units ms, s, m, h, d, w)' });
    return z.NEVER;
  });
