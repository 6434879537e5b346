import { Contributors } from "../../core/slo/contributors.ts";
import { type HistorySnapshot, SloHistory } from "../../core/slo/history.ts";
import { type Counts, compilePatterns, NO_EVENTS, type Objective } from "../../core/slo/objective.ts";
import { countAtOrBelow } from "../rollup/histogram.ts";
import type { Increment } from "../rollup/rollup.ts";
import type { Labels } from "../rollup/series.ts";

/** One objective with its events. */
export interface TrackedSlo {
  readonly objective: Objective;
  readonly history: SloHistory;
  readonly contributors: Contributors;
  /** Since the collector's state began. */
  totals: Counts;
}

export interface SloSnapshot {
  /** The objective and time scale it was counted for: another definition starts from zero. */
  readonly definition: string;
  readonly totals: Counts;
  readonly history: HistorySnapshot;
}

interface Sink {
  readonly tracked: TrackedSlo;
  readonly classify: (increment: Increment) => Counts;
}

/** Feeds increments of series to the objectives they count toward. */
export class SloTracker {
  readonly timeScale: number;
  #slos = new Map<string, TrackedSlo>();
  #routes: Route[] = [];
  /** Which objectives increments count toward is worked out once per stream: its labels are one object. */
  #sinks = new WeakMap<Labels, readonly Sink[]>();

  constructor(objectives: readonly Objective[], timeScale: number) {
    this.timeScale = timeScale;
    this.replace(objectives);
  }

  /** Puts new objectives in force; those whose definition did not change keep their history. */
  replace(objectives: readonly Objective[]): void {
    const before = this.#slos;
    this.#slos = new Map(objectives.map((objective) => [keyOf(objective), this.#track(objective, before)]));
    this.#routes = [...this.#slos.values()].map(routeOf);
    this.#sinks = new WeakMap();
  }

  get all(): readonly TrackedSlo[] {
    return [...this.#slos.values()];
  }

  /** Per increment. */
  add(increment: Increment, nowMs: number): void {
    for (const { tracked, classify } of this.#sinksOf(increment)) {
      const counts = classify(increment);
      tracked.totals = { good: tracked.totals.good + counts.good, bad: tracked.totals.bad + counts.bad };
      if (increment.undated) continue;
      tracked.history.add(nowMs, counts);
      tracked.contributors.add(nowMs, increment.labels, counts.bad, counts.good + counts.bad);
    }
  }

  snapshot(): SloSnapshot[] {
    return this.all.map((slo) => {
      return { definition: this.#definition(slo), totals: slo.totals, history: slo.history.snapshot() };
    });
  }

  restore(snapshots: readonly SloSnapshot[]): void {
    const byDefinition = new Map(snapshots.map((snapshot) => [snapshot.definition, snapshot]));
    for (const slo of this.all) {
      const snapshot = byDefinition.get(this.#definition(slo));
      if (snapshot === undefined) continue;
      slo.totals = snapshot.totals;
      slo.history.restore(snapshot.history);
    }
  }

  #definition({ objective: { source, ...rest } }: TrackedSlo): string {
    return JSON.stringify({ ...rest, timeScale: this.timeScale });
  }

  #track(objective: Objective, before: ReadonlyMap<string, TrackedSlo>): TrackedSlo {
    const known = before.get(keyOf(objective));
    if (known !== undefined && JSON.stringify(known.objective) === JSON.stringify(objective)) return known;
    const history = new SloHistory(objective, this.timeScale);
    return { objective, history, contributors: new Contributors(this.timeScale), totals: NO_EVENTS };
  }

  #sinksOf({ metric, labels }: Increment): readonly Sink[] {
    const known = this.#sinks.get(labels);
    if (known !== undefined) return known;
    const sinks = this.#routes.flatMap((route) => route(metric, labels) ?? []);
    this.#sinks.set(labels, sinks);
    return sinks;
  }
}

function keyOf({ namespace, slo }: Objective): string {
  return `${namespace}/${slo}`;
}

type Route = (metric: string, labels: Labels) => Sink | undefined;

function routeOf(tracked: TrackedSlo): Route {
  const { indicator } = tracked.objective;
  const counts = compilePatterns(indicator.total);
  const classifierOf = indicator.kind === "ratio" ? ratioClassifier(indicator) : () => latencyClassifier(indicator);
  return (metric, labels) => {
    if (metric !== indicator.metric || !counts(labels)) return undefined;
    return { tracked, classify: classifierOf(labels) };
  };
}

type IndicatorOf<K> = Extract<Objective["indicator"], { kind: K }>;

function ratioClassifier({ part }: IndicatorOf<"ratio">): (labels: Labels) => Sink["classify"] {
  const inPart = compilePatterns(part.labels);
  return (labels) => {
    const good = inPart(labels) === (part.result === "good");
    return ({ value }) => (good ? { good: value, bad: 0 } : { good: 0, bad: value });
  };
}

function latencyClassifier({ thresholdSeconds }: IndicatorOf<"latency">): Sink["classify"] {
  return ({ value, histogram }) => {
    const good = histogram === undefined ? value : Math.min(value, countAtOrBelow(histogram.cells, thresholdSeconds));
    return { good, bad: value - good };
  };
}
