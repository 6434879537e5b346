import type { OutriderEvent } from "../../core/events/event.ts";
import type { TelemetryRequest } from "../pipeline.ts";
import type { AlertSnapshot } from "../slo/alerts.ts";

/** One record of the log: what came in, or what became of alerts and instances, and when. */
export type JournalRecord =
  | { readonly atMs: number; readonly kind: "request"; readonly request: TelemetryRequest }
  | {
      readonly atMs: number;
      readonly kind: "alerts";
      readonly alerts: AlertSnapshot;
      /** Instances known to be lost: see Instances.lostKeys. */
      readonly lost?: readonly string[];
      readonly events: OutriderEvent[];
    };

/** Time (8 bytes) and kind (1 byte) before the content. */
const HEAD_BYTES = 9;
const REQUEST_KINDS = ["metrics protobuf", "metrics json", "logs protobuf", "logs json"] as const;
const ALERTS_KIND = 255;

const utf8 = new TextEncoder();

export function encodeRecord(record: JournalRecord): Uint8Array {
  if (record.kind === "alerts") {
    return framed(record.atMs, ALERTS_KIND, utf8.encode(JSON.stringify([record.alerts, record.events, record.lost])));
  }
  const { signal, encoding, body } = record.request;
  const kind = REQUEST_KINDS.indexOf(`${signal} ${encoding}` as (typeof REQUEST_KINDS)[number]);
  return framed(record.atMs, kind, body);
}

export function decodeRecord(bytes: Uint8Array): JournalRecord | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const atMs = view.getFloat64(0, true);
  const body = bytes.subarray(HEAD_BYTES);
  const kind = view.getUint8(8);
  if (kind === ALERTS_KIND) {
    const [alerts, events, lost] = JSON.parse(new TextDecoder().decode(body));
    return { atMs, kind: "alerts", alerts, events, lost };
  }
  const [signal, encoding] = (REQUEST_KINDS[kind]?.split(" ") ?? []) as [
    TelemetryRequest["signal"]?,
    TelemetryRequest["encoding"]?,
  ];
  if (signal === undefined || encoding === undefined) return undefined;
  return { atMs, kind: "request", request: { signal, encoding, body } };
}

function framed(atMs: number, kind: number, content: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEAD_BYTES + content.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, atMs, true);
  view.setUint8(8, kind);
  bytes.set(content, HEAD_BYTES);
  return bytes;
}
