const SECOND_MS = 1_000;
const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", SECOND_MS],
] as const;

/** At most `digits` significant ones, no trailing zeros: 12.3, 0.05, 1200. */
export function number(value: number, digits = 3): string {
  if (!Number.isFinite(value)) return "–";
  const rounded = Number(value.toPrecision(digits));
  return Math.abs(rounded) >= 10_000 ? compact(rounded) : String(rounded);
}

function compact(value: number): string {
  return Math.abs(value) >= 1e6 ? `${number(value / 1e6)}M` : `${Math.round(value / 1e3)}k`;
}

/** "12.3/s"; "0/s" when idle. */
export function perSecond(value: number): string {
  return `${number(value)}/s`;
}

/** A ratio as per cent: 0.0123 is "1.23 %". */
export function percent(ratio: number, digits = 3): string {
  return `${number(ratio * 100, digits)} %`;
}

/** An objective keeps all its nines: 0.99995 is "99.995 %". */
export function objective(ratio: number): string {
  return `${Number((ratio * 100).toPrecision(8))} %`;
}

/** "14.4×"; a dash when the window saw no events. */
export function times(rate: number | null | undefined): string {
  return rate === null || rate === undefined ? "–" : `${number(rate)}×`;
}

/** A latency: "0.8 ms", "45 ms", "1.2 s"; a dash when unknown. */
export function latency(ms: number | null): string {
  if (ms === null || !Number.isFinite(ms)) return "–";
  return ms < SECOND_MS ? `${number(ms, ms < 10 ? 2 : 3)} ms` : `${number(ms / SECOND_MS, 3)} s`;
}

/** The two largest units: "2 d 3 h", "1 m 5 s", "0.4 s". */
export function duration(ms: number): string {
  const first = UNITS.findIndex(([, size]) => ms >= size);
  if (first < 0) return `${number(Math.max(0, ms) / SECOND_MS, 1)} s`;
  let rest = ms;
  const shown = UNITS.slice(first, first + 2).map(([unit, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? "" : `${count} ${unit}`;
  });
  return shown.filter((part) => part !== "").join(" ");
}

/** "now", "12 s ago", "3 m ago". */
export function ago(atMs: number, nowMs: number): string {
  const age = nowMs - atMs;
  if (age < SECOND_MS) return "now";
  const [unit, size] = UNITS.find(([, each]) => age >= each) ?? ["s", SECOND_MS];
  return `${Math.floor(age / size)} ${unit} ago`;
}

/** The time of day on the reader's clock: "14:03:09". */
export function clock(atMs: number): string {
  return new Date(atMs).toLocaleTimeString(undefined, { hourCycle: "h23" });
}

const TWO_DAYS_MS = 172_800_000;
const TEN_MINUTES_MS = 600_000;

/** A tick of a time axis as long as `spanMs`: seconds, minutes or days. */
export function timeLabel(atMs: number, spanMs: number): string {
  if (spanMs > TWO_DAYS_MS) return new Date(atMs).toLocaleDateString(undefined, { month: "short", day: "numeric" });
  const text = clock(atMs);
  return spanMs > TEN_MINUTES_MS ? text.slice(0, text.lastIndexOf(":")) : text;
}

/** Cuts in the middle so that both ends, which tell names apart, stay. */
export function shorten(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const tail = Math.floor((limit - 1) / 3);
  return `${text.slice(0, limit - 1 - tail)}…${text.slice(text.length - tail)}`;
}
