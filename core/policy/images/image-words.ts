import { DAY_MS, HOUR_MS, MINUTE_MS } from "../../base/clock.ts";
import { formatDuration } from "../../base/duration.ts";
import type { Threshold } from "./schema/fields.ts";

/** "one by a", "one by each of a, b", "2 of a, b, c": what a threshold wants, for a person. */
export function expectedOf(require: Threshold, of: readonly { readonly name: string }[]): string {
  const names = of.map(({ name }) => name).join(", ");
  if (of.length === 1) return `one by ${names}`;
  if (require === "all") return `one by each of ${names}`;
  return `${require === "any" ? "one" : require.atLeast} of ${names}`;
}

/** ", not older than 30d" where an age is asked for. */
export function olderThan(maxAgeMs: number | undefined): string {
  return maxAgeMs === undefined ? "" : `, not older than ${formatDuration(maxAgeMs)}`;
}

/** Who spoke, each once. */
export function namesOf(claims: readonly { readonly signer: string }[]): string {
  return [...new Set(claims.map(({ signer }) => signer))].join(", ");
}

/** "3 h old", "12 d old", "from 2 h in the future" */
export function describeAge(ageMs: number): string {
  const size = Math.abs(ageMs);
  const [unit, name] = size >= 2 * DAY_MS ? [DAY_MS, "d"] : size >= HOUR_MS ? [HOUR_MS, "h"] : [MINUTE_MS, "min"];
  const text = `${Math.round(size / unit)} ${name}`;
  return ageMs < 0 ? `from ${text} in the future` : `${text} old`;
}

/** When a claim that no longer counts was made, or ended. */
export function agedText({ signedAtMs, validUntilMs }: Timed, nowMs: number): string {
  if (validUntilMs !== undefined && validUntilMs <= nowMs)
    return `which ended ${describeAge(nowMs - validUntilMs).replace(/ old$/, " ago")}`;
  return signedAtMs === undefined ? "at a time that nobody vouches for" : describeAge(nowMs - signedAtMs);
}

interface Timed {
  readonly signedAtMs?: number;
  readonly validUntilMs?: number;
}
