import { type Clock, MINUTE_MS, SECOND_MS, systemClock } from "../core/base/clock.ts";
import { CodedError, messageOf } from "../core/base/errors.ts";
import type { Log } from "../core/base/log.ts";
import type { OutriderEvent } from "../core/events/event.ts";
import type { Objective } from "../core/slo/objective.ts";
import { COLLECTOR_ERRORS } from "./errors.ts";
import { EventLog, type EventLogSnapshot } from "./event-log.ts";
import { type Instance, Instances } from "./instances.ts";
import { ingest, type Parts, replay, type TelemetryRequest } from "./pipeline.ts";
import { isHeapNearlyFull } from "./receive/pressure.ts";
import { Balance, type Tally } from "./receive/tally.ts";
import { ServiceGraph } from "./rollup/graph.ts";
import { CLASSIC_BOUNDS } from "./rollup/histogram.ts";
import { Rollup } from "./rollup/rollup.ts";
import { type RollupSnapshot, restoreRollup, snapshotRollup } from "./rollup/rollup-snapshot.ts";
import { type AlertSnapshot, Alerts } from "./slo/alerts.ts";
import { type SloSnapshot, SloTracker } from "./slo/slos.ts";
import { decodeRecord, encodeRecord, type JournalRecord } from "./state/journal.ts";
import { type Found, Store } from "./state/store.ts";
import { RecentTraces } from "./traces.ts";

/** Alerts and instances are looked at this often, in milliseconds, divided by the time scale. */
export const TICK_MS = 15 * SECOND_MS;
/** But not more often than this, in milliseconds of the clock. */
export const SHORTEST_TICK_MS = 100;
/** What a power cut may take at most, in milliseconds; a killed process loses nothing. */
export const SYNC_INTERVAL_MS = SECOND_MS;
/** A snapshot is written this often, in milliseconds … */
export const SNAPSHOT_INTERVAL_MS = MINUTE_MS;
/** … or when the log has grown by this many bytes. */
export const SNAPSHOT_LOG_BYTES = 64 * 1024 * 1024;

export interface CollectorOptions {
  readonly stateDir: string;
  readonly objectives: readonly Objective[];
  readonly timeScale: number;
  readonly instanceTimeoutMs: number;
  readonly log: Log;
  readonly clock?: Clock;
  /** Called with every change of an alert's state: where a dispatcher to Alertmanager plugs in. */
  readonly onAlert?: (event: OutriderEvent) => void;
}

/** The collector is an instance like the others. */
const OWN_RESOURCE = {
  "outrider.component": "collector",
  "service.instance.id": "collector",
  "service.name": "collector",
} as const;

interface StateSnapshot {
  readonly rollup: RollupSnapshot;
  readonly graph: Parameters<ServiceGraph["restore"]>[0];
  readonly slos: readonly SloSnapshot[];
  readonly events: EventLogSnapshot;
  readonly alerts: AlertSnapshot;
  readonly instances?: readonly Instance[];
}

/** All parts together. One thing at a time changes the state: a request, a tick, a snapshot. */
export class Collector {
  readonly parts: Parts;
  readonly alerts: Alerts;
  readonly balance = new Balance();
  readonly #options: CollectorOptions;
  readonly #clock: Clock;
  readonly #store: Store;
  #turn: Promise<unknown> = Promise.resolve();
  #snapshotAtMs: number;
  #syncedAtMs = 0;
  #diskProblem: string | undefined;

  private constructor(options: CollectorOptions, store: Store) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#store = store;
    this.#snapshotAtMs = this.#clock();
    this.parts = partsOf(options);
    this.alerts = new Alerts(this.parts);
  }

  /** Restores what an earlier run left in stateDir. @throws {CodedError} DISK_FULL, COLLECTOR_STATE_BROKEN */
  static async open(options: CollectorOptions): Promise<Collector> {
    const { store, found } = await Store.open(options.stateDir);
    const collector = new Collector(options, store);
    try {
      collector.#resume(found);
    } catch (thrown) {
      await store.close();
      throw thrown;
    }
    return collector;
  }

  #resume({ state, records, damaged }: Found): void {
    const { stateDir, log } = this.#options;
    if (state !== undefined) restoring(stateDir, () => this.#restore(state as StateSnapshot));
    if (damaged > 0) log.warn({ segments: damaged }, "the log ends in a damaged record; what came after it is lost");
    for (const record of records) this.#replay(decodeRecord(record));
    this.parts.instances.listen(this.#clock());
  }

  /** Takes one request in. @throws {CodedError} when nothing of it was applied */
  accept(request: TelemetryRequest): Promise<Tally> {
    return this.#exclusively(() => {
      const journal = {
        append: (r: TelemetryRequest, atMs: number) => this.#append({ atMs, kind: "request", request: r }),
      };
      return ingest(this.parts, journal, request, this.#clock());
    });
  }

  /** Evaluates alerts and, when it is time, writes a snapshot and pushes the log out to the disk. */
  async tick(): Promise<void> {
    const write = await this.#exclusively(async () => {
      const nowMs = this.#clock();
      this.parts.instances.seen(OWN_RESOURCE, nowMs);
      const found = [...this.parts.instances.watch(nowMs), ...this.alerts.evaluate(nowMs)];
      await this.#record(found, nowMs).catch(() => {}); // noted, and in the snapshot, which may find room
      const due = nowMs - this.#snapshotAtMs >= SNAPSHOT_INTERVAL_MS || this.#store.logBytes >= SNAPSHOT_LOG_BYTES;
      return due ? this.#beginSnapshot(nowMs) : undefined;
    });
    await write?.();
    await this.#syncWhenDue();
  }

  /** Puts new objectives in force; unchanged ones keep their history and alerts. */
  replaceObjectives(objectives: readonly Objective[]): void {
    this.parts.slos.replace(objectives);
    this.alerts.track();
  }

  /** Saves everything; a later `open` goes on where this ended. */
  async close(): Promise<void> {
    await this.#exclusively(async () => {
      const write = await this.#beginSnapshot(this.#clock());
      await write();
      await this.#store.close();
    });
  }

  /** Beside requests, not between them, as snapshots are: a slow disk must not hold up telemetry. */
  async #syncWhenDue(): Promise<void> {
    const nowMs = this.#clock();
    if (nowMs - this.#syncedAtMs < SYNC_INTERVAL_MS) return;
    this.#syncedAtMs = nowMs;
    await this.#store.sync();
  }

  /** What the collector itself found out: shown, logged and kept, so that a restart neither forgets nor repeats it. */
  async #record(events: OutriderEvent[], atMs: number): Promise<void> {
    if (events.length === 0) return;
    for (const event of events) this.#announce(event);
    const states = { alerts: this.alerts.snapshot(), lost: this.parts.instances.lostKeys() };
    await this.#append({ atMs, kind: "alerts", ...states, events });
  }

  #announce(event: OutriderEvent): void {
    this.parts.events.add(event, "");
    const { kind, severity, subject, outcome, attributes } = event;
    this.#options.log[severity]({ subject, outcome, alert: attributes["alert"] }, event.message);
    if (kind === "alert") this.#options.onAlert?.(event);
  }

  /** Why the collector cannot do its work now, one reason a line; empty when it can. */
  get problems(): readonly string[] {
    const disk = this.#diskProblem === undefined ? [] : [this.#diskProblem];
    return isHeapNearlyFull() ? [...disk, "memory: the heap is nearly full; telemetry is refused"] : disk;
  }

  /** Bytes of log that a restart would replay. */
  get logBytes(): number {
    return this.#store.logBytes;
  }

  async #append(record: JournalRecord): Promise<void> {
    try {
      await this.#store.append(encodeRecord(record));
      this.#noteDisk(undefined);
    } catch (thrown) {
      this.#noteDisk(`state: ${messageOf(thrown)}; telemetry is refused`);
      throw thrown;
    }
  }

  /** Says it once, not once a request. */
  #noteDisk(problem: string | undefined): void {
    if (problem === this.#diskProblem) return;
    this.#diskProblem = problem;
    if (problem === undefined) this.#options.log.info({}, "state is written again");
    else this.#options.log.error({ problem }, "state not written");
  }

  #beginSnapshot(nowMs: number): Promise<() => Promise<void>> {
    this.#snapshotAtMs = nowMs;
    this.parts.rollup.sweep(nowMs);
    return this.#store.beginSnapshot(this.#state());
  }

  #state(): StateSnapshot {
    const { rollup, graph, slos, events, instances } = this.parts;
    const edges = graph.edges.map(({ client, server, outbound, inbound }) => ({ client, server, outbound, inbound }));
    const state = { slos: slos.snapshot(), events: events.snapshot(), alerts: this.alerts.snapshot() };
    return { rollup: snapshotRollup(rollup), graph: edges, instances: instances.snapshot(), ...state };
  }

  #restore(state: StateSnapshot): void {
    restoreRollup(this.parts.rollup, state.rollup);
    this.parts.graph.restore(state.graph);
    this.parts.slos.restore(state.slos);
    this.parts.events.restore(state.events);
    this.alerts.restore(state.alerts);
    this.parts.instances.restore(state.instances ?? []);
  }

  #replay(record: JournalRecord | undefined): void {
    if (record?.kind === "request") replay(this.parts, record.request, record.atMs);
    if (record?.kind !== "alerts") return;
    for (const event of record.events) this.parts.events.add(event, "");
    this.alerts.restore(record.alerts);
    this.parts.instances.restoreLost(record.lost ?? []);
  }

  #exclusively<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }
}

/** @throws {CodedError} COLLECTOR_STATE_BROKEN: valid JSON that is not a state */
function restoring(folder: string, work: () => void): void {
  try {
    work();
  } catch (cause) {
    const { fix } = COLLECTOR_ERRORS.COLLECTOR_STATE_BROKEN;
    throw new CodedError("COLLECTOR_STATE_BROKEN", `${folder}: ${messageOf(cause)}`, fix, { cause });
  }
}

function partsOf({ objectives, timeScale, instanceTimeoutMs }: CollectorOptions): Parts {
  return {
    instances: new Instances(instanceTimeoutMs),
    rollup: new Rollup({ bounds: boundsFor(objectives) }),
    graph: new ServiceGraph(),
    slos: new SloTracker(objectives, timeScale),
    traces: new RecentTraces(),
    events: new EventLog(),
  };
}

/** The thresholds of latency objectives are bucket edges, so that rules evaluated elsewhere count the same events. */
function boundsFor(objectives: readonly Objective[]): number[] {
  const thresholds = objectives.flatMap(({ indicator }) => {
    return indicator.kind === "latency" ? [indicator.thresholdSeconds] : [];
  });
  return [...new Set([...CLASSIC_BOUNDS, ...thresholds])].toSorted((a, b) => a - b);
}
