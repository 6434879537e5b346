import { DURATION_SERIES_LIMIT, PEER_LIMIT, ROUTE_LIMIT, SERIES_LIMIT } from "../limits.ts";
import { Histogram } from "./histogram.ts";
import { LabelTable, OTHER, RouteTable } from "./routes.ts";

export const DIRECTIONS = ["inbound", "outbound"] as const;
export type Direction = (typeof DIRECTIONS)[number];

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", OTHER];
const STATUSES = 1000;
const ROUTES = ROUTE_LIMIT + 1;
const PEERS = PEER_LIMIT + 1;

/** One request as metrics see it; peer and route by number. */
export interface Finished {
  readonly direction: Direction;
  readonly peer: number;
  readonly route: number;
  readonly method: string;
  readonly status: number;
  readonly seconds: number;
}

export interface RequestSeries {
  readonly direction: Direction;
  readonly peer: string;
  readonly route: string;
  readonly method: string;
  readonly status: string;
  readonly value: number;
}

export interface DurationSeries {
  readonly direction: Direction;
  readonly peer: string;
  readonly route: string;
  readonly histogram: Histogram;
}

/**
 * Counts in typed arrays; labels become strings only when somebody scrapes. Once per request: two integer-keyed
 * look-ups, two additions, no allocation for a series seen before. Series beyond the limits count under "other".
 */
export class Recorder {
  readonly routes = new RouteTable();
  readonly peers = new LabelTable(PEER_LIMIT);
  readonly rare = new RareCounters();
  readonly #slots = new Map<number, number>();
  readonly #keys: number[] = [];
  readonly #values = new Float64Array(SERIES_LIMIT + 1);
  readonly #durations = new Map<number, Histogram>();

  finished({ direction, peer, route, method, status, seconds }: Finished): void {
    const family = ((direction === "inbound" ? 0 : 1) * PEERS + peer) * ROUTES + route;
    const slot = this.#slot((family * METHODS.length + methodNumber(method)) * STATUSES + status);
    this.#values[slot] = (this.#values[slot] as number) + 1;
    this.#duration(family).record(seconds);
  }

  #slot(key: number): number {
    const known = this.#slots.get(key);
    if (known !== undefined) return known;
    if (this.#keys.length >= SERIES_LIMIT) return SERIES_LIMIT;
    this.#slots.set(key, this.#keys.length);
    return this.#keys.push(key) - 1;
  }

  #duration(family: number): Histogram {
    const known = this.#durations.get(family);
    if (known !== undefined) return known;
    const full = this.#durations.size >= DURATION_SERIES_LIMIT;
    const key = full ? PEER_LIMIT * ROUTES + ROUTE_LIMIT : family;
    const histogram = this.#durations.get(key) ?? new Histogram();
    this.#durations.set(key, histogram);
    return histogram;
  }

  requests(): RequestSeries[] {
    const series = this.#keys.map((key, slot) => this.#seriesOf(key, this.#values[slot] as number));
    const overflow = this.#values[SERIES_LIMIT] as number;
    const rest = { peer: OTHER, route: OTHER, method: OTHER, status: OTHER, value: overflow };
    return overflow === 0 ? series : [...series, { direction: "inbound", ...rest }];
  }

  #seriesOf(key: number, value: number): RequestSeries {
    const rest = Math.floor(key / STATUSES);
    const method = METHODS[rest % METHODS.length] ?? OTHER;
    return { ...this.#familyOf(Math.floor(rest / METHODS.length)), method, status: String(key % STATUSES), value };
  }

  #familyOf(family: number): { direction: Direction; peer: string; route: string } {
    const peers = Math.floor(family / ROUTES);
    return {
      direction: peers < PEERS ? "inbound" : "outbound",
      peer: this.peers.name(peers % PEERS),
      route: this.routes.name(family % ROUTES),
    };
  }

  durations(): DurationSeries[] {
    return [...this.#durations].map(([family, histogram]) => ({ ...this.#familyOf(family), histogram }));
  }
}

function methodNumber(method: string): number {
  const number = METHODS.indexOf(method);
  return number === -1 ? METHODS.length - 1 : number;
}

/** Counters of what happens rarely, by metric and labels. */
export class RareCounters {
  readonly #values = new Map<string, { labels: Readonly<Record<string, string>>; metric: string; value: number }>();

  add(metric: string, labels: Readonly<Record<string, string>>, by = 1): void {
    const key = `${metric}\n${Object.values(labels).join("\n")}`;
    const entry = this.#values.get(key);
    if (entry !== undefined) entry.value += by;
    else if (this.#values.size < SERIES_LIMIT) this.#values.set(key, { metric, labels, value: by });
  }

  of(metric: string): { readonly labels: Readonly<Record<string, string>>; readonly value: number }[] {
    return [...this.#values.values()].filter((entry) => entry.metric === metric);
  }
}
