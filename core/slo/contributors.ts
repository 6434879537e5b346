import { HOUR_MS, MINUTE_MS } from "../base/clock.ts";

/** Labels that may explain a burn, the most useful to act on first. */
export const CONTRIBUTOR_DIMENSIONS = ["pod", "route", "peer", "status"] as const;
/** Most values remembered per slice; rarer ones are left out of explanations, never of the budget. */
export const CONTRIBUTOR_VALUES = 256;
/** What explanations look back on: twelve slices of five minutes, unscaled. */
export const CONTRIBUTOR_SLICE_MS = 5 * MINUTE_MS;
const SLICES = HOUR_MS / CONTRIBUTOR_SLICE_MS;
/** A pod or route whose share of errors exceeds its share of requests by less explains nothing. */
export const EXPLAINING_EXCESS = 0.1;

export interface Contributor {
  readonly dimension: string;
  readonly value: string;
  /** Its share of the bad events, a ratio. */
  readonly share: number;
  /** Its share of all events: what its share of the bad ones would be if it were like the others. */
  readonly baseline: number;
}

interface Tally {
  bad: number;
  total: number;
}
interface Slice {
  readonly index: number;
  readonly tallies: Map<string, Tally>;
}

/** Who the bad events of the last hour (scaled) came from. */
export class Contributors {
  readonly #sliceMs: number;
  #slices: Slice[] = [];

  constructor(timeScale: number) {
    this.#sliceMs = CONTRIBUTOR_SLICE_MS / timeScale;
  }

  /** Per increment of a series that counts toward the objective. */
  add(nowMs: number, labels: Readonly<Record<string, string>>, bad: number, total: number): void {
    const { tallies } = this.#sliceAt(Math.floor(nowMs / this.#sliceMs));
    for (const dimension of CONTRIBUTOR_DIMENSIONS) {
      const value = labels[dimension];
      if (value !== undefined && value !== "") count(tallies, `${dimension}\u0000${value}`, bad, total);
    }
  }

  /** The best explanation of the bad events, or `undefined` when there were none. */
  top(nowMs: number): Contributor | undefined {
    const all = this.#contributors(nowMs);
    const telling = all.filter(({ dimension, share, baseline }) => {
      return dimension !== "status" && share - baseline >= EXPLAINING_EXCESS;
    });
    return telling[0] ?? all.find(({ dimension }) => dimension === "status") ?? all[0];
  }

  #contributors(nowMs: number): Contributor[] {
    const sums = this.#sums(Math.floor(nowMs / this.#sliceMs));
    const totals = new Map<string, Tally>();
    for (const [key, { bad, total }] of sums) count(totals, dimensionOf(key), bad, total);
    return [...sums]
      .filter(([, { bad }]) => bad > 0)
      .map(([key, tally]) => contributor(key, tally, totals.get(dimensionOf(key)) as Tally))
      .toSorted((a, b) => b.share - b.baseline - (a.share - a.baseline) || b.share - a.share || order(a) - order(b));
  }

  #sums(nowIndex: number): Map<string, Tally> {
    const sums = new Map<string, Tally>();
    for (const { index, tallies } of this.#slices) {
      if (index <= nowIndex - SLICES) continue;
      for (const [key, { bad, total }] of tallies) count(sums, key, bad, total, Number.POSITIVE_INFINITY);
    }
    return sums;
  }

  #sliceAt(index: number): Slice {
    const newest = this.#slices.at(-1);
    if (newest !== undefined && newest.index >= index) return newest;
    const slice: Slice = { index, tallies: new Map() };
    this.#slices = [...this.#slices.filter((old) => old.index > index - SLICES), slice];
    return slice;
  }
}

function count(tallies: Map<string, Tally>, key: string, bad: number, total: number, limit = CONTRIBUTOR_VALUES): void {
  const tally = tallies.get(key);
  if (tally !== undefined) {
    tally.bad += bad;
    tally.total += total;
  } else if (tallies.size < limit) tallies.set(key, { bad, total });
}

function contributor(key: string, tally: Tally, all: Tally): Contributor {
  const [dimension = "", value = ""] = key.split("\u0000");
  return { dimension, value, share: tally.bad / all.bad, baseline: all.total === 0 ? 0 : tally.total / all.total };
}

function dimensionOf(key: string): string {
  return key.slice(0, key.indexOf("\u0000"));
}

function order({ dimension }: Contributor): number {
  return (CONTRIBUTOR_DIMENSIONS as readonly string[]).indexOf(dimension);
}
