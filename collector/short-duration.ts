import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../core/base/clock.ts";

const UNITS = [
  ["d", DAY_MS],
  ["h", HOUR_MS],
  ["m", MINUTE_MS],
  ["s", SECOND_MS],
] as const;

/** The two largest units: "1 h 30 m", "4 s", "0.3 s". */
export function shortDuration(ms: number): string {
  const first = UNITS.findIndex(([, size]) => ms >= size);
  if (first < 0) return `${Number((ms / SECOND_MS).toPrecision(2))} s`;
  let rest = ms;
  const shown = UNITS.slice(first, first + 2).map(([name, size]) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return count === 0 ? "" : `${count} ${name}`;
  });
  return shown.filter((part) => part !== "").join(" ");
}
