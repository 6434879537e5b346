/**
 * The one event record: what happened in the cluster that a person on call would want to see beside a graph.
 * Sent to the collector as OTLP log records; the page, alerts and incident bundles read the same record.
 */
export const EVENT_KINDS = ["decision", "deploy", "policy-change", "finding", "alert", "lifecycle"] as const;
export type EventKind = (typeof EVENT_KINDS)[number];

export interface OutriderEvent {
  readonly kind: EventKind;
  readonly atMs: number;
  /** "admission", "mesh", "collector", "scanner", "sidecar". */
  readonly from: string;
  /** What it is about: "Pod shop/checkout", "NetworkPolicy shop/payments", "slo payments-availability". */
  readonly subject: string;
  /** One short word a table can show: "admitted", "refused", "rotated", "firing". */
  readonly outcome: string;
  /** One sentence, lower case, no final stop. */
  readonly message: string;
  /** Namespace and service it belongs to, when it belongs to one. */
  readonly namespace?: string;
  readonly service?: string;
  readonly severity: "info" | "warn" | "error";
  /** Further facts, small and flat: digest, rule, traceId, signer, version. */
  readonly attributes: Readonly<Record<string, string>>;
}

/** Largest number of attributes on one event, and the longest value in UTF-16 units. */
export const EVENT_ATTRIBUTE_LIMIT = 32;
export const EVENT_VALUE_LIMIT = 4096;
