/** What a row must reach. "at least" for throughput, "at most" for costs. */
export interface Bar {
  readonly sense: "at least" | "at most";
  /** Of the row's unit for an absolute bar; a plain ratio where a peer is measured in the same run. */
  readonly limit: number;
}

/** What one row measured: one number for each round, ours and, interleaved with it, the peer's. */
export interface Measured {
  readonly ours: readonly number[];
  /** Paired with `ours` by round; absent where the bar is absolute. */
  readonly peer?: readonly number[];
  /** What a reader should know of this run: "16 connections, 5 rounds of 3 s". */
  readonly note: string;
}

/** One line of a suite: a path through the product, its unit and its bar. */
export interface Row<Stage> {
  /** "cached, HTTPS": unique, what `--only` looks in. */
  readonly path: string;
  readonly unit: string;
  readonly bar: Bar;
  /** The program compared with, its version included once it is known. */
  readonly peer?: string;
  /** @returns why it could not be measured, when a part is missing */
  measure(stage: Stage): Promise<Measured | Missing>;
}

/** A part that is not there: named, never installed. */
export interface Missing {
  readonly missing: string;
}

/** A row's outcome, as `--json` prints it: one object a line. */
export interface Outcome {
  readonly path: string;
  readonly peer?: string;
  /** Median of `ours`, in `unit`, and its least and greatest round. */
  readonly value?: number;
  readonly least?: number;
  readonly greatest?: number;
  readonly unit: string;
  /** Median of ours / peer by round, or ours / limit where the bar is absolute. */
  readonly ratio?: number;
  readonly sense: Bar["sense"];
  /** What `ratio` is held to: 1 where the bar is absolute. */
  readonly bar: number;
  readonly ok: boolean;
  readonly note: string;
}

/** Judges a row by what it measured. A row that could not be measured is not ok. */
export function outcomeOf(row: Row<never>, measured: Measured | Missing): Outcome {
  const { path, unit, peer, bar } = row;
  const base = { path, ...(peer === undefined ? {} : { peer }), unit, sense: bar.sense };
  const held = peer === undefined ? 1 : bar.limit;
  if ("missing" in measured) return { ...base, bar: held, ok: false, note: `not measured: ${measured.missing}` };
  const { ours, peer: theirs, note } = measured;
  const ratios = ours.map((value, round) => value / (theirs?.[round] ?? bar.limit));
  const ratio = median(ratios);
  const ok = bar.sense === "at least" ? ratio >= held : ratio <= held;
  const spread = { value: median(ours), least: Math.min(...ours), greatest: Math.max(...ours) };
  return { ...base, ...spread, ratio, bar: held, ok, note };
}

/** The middle of some numbers; NaN of none, which meets no bar. */
export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** @param share  0 to 1; the nearest rank */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? Number.NaN;
}
