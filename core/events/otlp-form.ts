import { EVENT_ATTRIBUTE_LIMIT, EVENT_KINDS, EVENT_VALUE_LIMIT, type EventKind, type OutriderEvent } from "./event.ts";

/** Attribute names of an event as an OTLP log record; further facts are `outrider.fact.<name>`. */
export const EVENT_ATTRIBUTES = {
  id: "outrider.event.id",
  kind: "outrider.event.kind",
  from: "outrider.event.from",
  subject: "outrider.event.subject",
  outcome: "outrider.event.outcome",
  namespace: "service.namespace",
  service: "service.name",
} as const;

const FACT = "outrider.fact.";

/** @see logs/v1/logs.proto, SeverityNumber: the first of each range */
const SEVERITY_NUMBER = { info: 9, warn: 13, error: 17 } as const;

type JsonAttribute = { readonly key: string; readonly value: { readonly stringValue: string } };

/** One LogRecord in OTLP's JSON form. Values longer than EVENT_VALUE_LIMIT are cut, facts past the limit dropped. */
export interface JsonLogRecord {
  readonly timeUnixNano: string;
  readonly severityNumber: number;
  readonly body: { readonly stringValue: string };
  readonly attributes: readonly JsonAttribute[];
}

/** @param id  the same for every attempt to send this event, so that the collector counts it once */
export function eventToLogRecord(event: OutriderEvent, id: string): JsonLogRecord {
  const facts = Object.entries(event.attributes).slice(0, EVENT_ATTRIBUTE_LIMIT);
  const names = Object.entries(EVENT_ATTRIBUTES).filter(([field]) => field !== "id");
  const known = names.flatMap(([field, key]) => attribute(key, event[field as keyof OutriderEvent] as string));
  return {
    timeUnixNano: (BigInt(Math.trunc(event.atMs)) * 1_000_000n).toString(),
    severityNumber: SEVERITY_NUMBER[event.severity],
    body: { stringValue: event.message.slice(0, EVENT_VALUE_LIMIT) },
    attributes: [
      ...attribute(EVENT_ATTRIBUTES.id, id),
      ...known,
      ...facts.flatMap(([key, value]) => attribute(FACT + key, value)),
    ],
  };
}

function attribute(key: string, value: string | undefined): JsonAttribute[] {
  return value === undefined ? [] : [{ key, value: { stringValue: value.slice(0, EVENT_VALUE_LIMIT) } }];
}

/** What a collector reads of a log record, whichever encoding it came in. */
export interface ReceivedLogRecord {
  readonly timeMs: number;
  readonly severityNumber: number;
  readonly body: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** The event in a log record, or `undefined` when the record is an ordinary log line. */
export function eventOfLogRecord(record: ReceivedLogRecord): (OutriderEvent & { readonly id: string }) | undefined {
  const text = (key: string): string => String(record.attributes[key] ?? "");
  const kind = text(EVENT_ATTRIBUTES.kind);
  if (!EVENT_KINDS.includes(kind as EventKind)) return undefined;
  return {
    id: text(EVENT_ATTRIBUTES.id),
    kind: kind as EventKind,
    atMs: record.timeMs,
    from: text(EVENT_ATTRIBUTES.from),
    subject: text(EVENT_ATTRIBUTES.subject),
    outcome: text(EVENT_ATTRIBUTES.outcome),
    message: record.body,
    namespace: text(EVENT_ATTRIBUTES.namespace),
    service: text(EVENT_ATTRIBUTES.service),
    severity: severityOf(record.severityNumber),
    attributes: factsOf(record.attributes),
  };
}

function severityOf(severityNumber: number): OutriderEvent["severity"] {
  if (severityNumber >= SEVERITY_NUMBER.error) return "error";
  return severityNumber >= SEVERITY_NUMBER.warn ? "warn" : "info";
}

function factsOf(attributes: Readonly<Record<string, unknown>>): Record<string, string> {
  const facts = Object.entries(attributes).filter(([key]) => key.startsWith(FACT));
  const bounded = facts.slice(0, EVENT_ATTRIBUTE_LIMIT);
  return Object.fromEntries(
    bounded.map(([key, value]) => [key.slice(FACT.length), String(value).slice(0, EVENT_VALUE_LIMIT)]),
  );
}
