import type { OutriderEvent } from "../core/events/event.ts";
import { eventOfLogRecord } from "../core/events/otlp-form.ts";
import type { LogRecord, Received, ReceivedMetric, Resource, SpanData } from "../core/wire/otlp/model.ts";
import { decodeLogs, decodeMetrics, decodeTraces, type OtlpEncoding, type OtlpSignal } from "../core/wire/otlp/otlp.ts";
import type { EventLog } from "./event-log.ts";
import type { Instances } from "./instances.ts";
import type { Tally } from "./receive/tally.ts";
import type { ServiceGraph } from "./rollup/graph.ts";
import type { Rollup } from "./rollup/rollup.ts";
import type { SloTracker } from "./slo/slos.ts";
import type { RecentTraces } from "./traces.ts";

/** What telemetry flows into. */
export interface Parts {
  readonly instances: Instances;
  readonly rollup: Rollup;
  readonly graph: ServiceGraph;
  readonly slos: SloTracker;
  readonly traces: RecentTraces;
  readonly events: EventLog;
}

/** One request of telemetry, still as bytes. */
export interface TelemetryRequest {
  readonly signal: OtlpSignal;
  readonly encoding: OtlpEncoding;
  readonly body: Uint8Array;
}

/** Where requests are written down before they count, so that a restart loses nothing. */
export interface Journal {
  /** @throws {CodedError} DISK_FULL: the request is then not applied */
  append(request: TelemetryRequest, nowMs: number): Promise<void>;
}

/**
 * The path of a request of telemetry, top to bottom.
 *
 *   decode     bytes to values; throws before anything has changed
 *   append     to the journal, when a restart would miss it; throws when the disk is full
 *   apply      whoever sends is alive (instances); cumulative points become increments, each counted once (rollup),
 *              which feed the service map (graph) and the objectives (slos); spans and events are kept for a while
 *
 * `apply` is pure in its inputs: the same requests at the same times lead to the same state, so a restart replays.
 *
 * @throws {CodedError} WIRE_PROTOBUF, OTLP_JSON, OTLP_TOO_LARGE, DISK_FULL
 */
export async function ingest(parts: Parts, journal: Journal, request: TelemetryRequest, nowMs: number): Promise<Tally> {
  const batch = decode(request);
  if (mustSurviveRestart(batch)) await journal.append(request, nowMs);
  return apply(parts, batch, nowMs);
}

/** A request of the journal, at the time it first came. */
export function replay(parts: Parts, request: TelemetryRequest, atMs: number): void {
  apply(parts, decode(request), atMs);
}

type Batch =
  | { readonly signal: "metrics"; readonly received: Received<ReceivedMetric> }
  | { readonly signal: "traces"; readonly received: Received<SpanData> }
  | { readonly signal: "logs"; readonly received: Received<LogRecord> };

function decode({ signal, encoding, body }: TelemetryRequest): Batch {
  if (signal === "metrics") return { signal, received: decodeMetrics(body, encoding) };
  if (signal === "traces") return { signal, received: decodeTraces(body, encoding) };
  return { signal, received: decodeLogs(body, encoding) };
}

/** Counts and events must; recent traces live in memory only, and a heartbeat says nothing about the past. */
function mustSurviveRestart({ signal, received }: Batch): boolean {
  if (signal !== "logs") return signal === "metrics";
  const events = received.parts.flatMap(({ items }) => items.map(eventOfLogRecord));
  return events.some((event) => event !== undefined && !isHeartbeat(event));
}

function apply(parts: Parts, batch: Batch, nowMs: number): Tally {
  if (batch.signal === "metrics") return ingestMetrics(parts, batch.received, nowMs);
  if (batch.signal === "traces") return ingestTraces(parts, batch.received, nowMs);
  return ingestLogs(parts, batch.received, nowMs);
}

function ingestMetrics(parts: Parts, received: Received<ReceivedMetric>, nowMs: number): Tally {
  const tally = startTally("metrics", received.invalid);
  for (const { resource, items } of received.parts) {
    parts.instances.seen(resource, nowMs);
    const { increments, accepted, rejected } = parts.rollup.apply(resource, items, nowMs);
    for (const increment of increments) {
      parts.graph.add(increment, nowMs);
      parts.slos.add(increment, nowMs);
    }
    tally.accepted += accepted;
    for (const [reason, count] of Object.entries(rejected)) reject(tally, reason, count);
  }
  return tally;
}

function ingestTraces(parts: Parts, received: Received<SpanData>, nowMs: number): Tally {
  const tally = startTally("traces", received.invalid);
  for (const { resource, items } of received.parts) {
    parts.instances.seen(resource, nowMs);
    for (const span of items) {
      if (parts.traces.add(resource, span)) tally.accepted++;
      else reject(tally, "trace_full", 1);
    }
  }
  return tally;
}

function ingestLogs(parts: Parts, received: Received<LogRecord>, nowMs: number): Tally {
  const tally = startTally("logs", received.invalid);
  for (const { resource, items } of received.parts) {
    parts.instances.seen(resource, nowMs);
    for (const record of items) ingestRecord(parts, resource, record, nowMs);
    tally.accepted += items.length;
  }
  return tally;
}

/** Log lines that are not events are accepted and end here until there is somewhere to forward them. */
function ingestRecord(parts: Parts, resource: Resource, record: LogRecord, nowMs: number): void {
  const event = eventOfLogRecord(record);
  if (event === undefined) return;
  if (event.kind === "lifecycle" && event.outcome === "stopping") parts.instances.stopping(resource, nowMs);
  else if (!isHeartbeat(event)) parts.events.add(event.atMs > 0 ? event : { ...event, atMs: nowMs }, event.id);
}

/** Signs of life refresh an instance and are not worth a line in the event stream. */
export function isHeartbeat(event: OutriderEvent): boolean {
  return event.kind === "lifecycle" && (event.outcome === "alive" || event.outcome === "stopping");
}

type OpenTally = { signal: OtlpSignal; accepted: number; rejected: Record<string, number> };

function startTally(signal: OtlpSignal, invalid: number): OpenTally {
  return { signal, accepted: 0, rejected: invalid > 0 ? { invalid } : {} };
}

function reject(tally: OpenTally, reason: string, count: number): void {
  tally.rejected[reason] = (tally.rejected[reason] ?? 0) + count;
}
