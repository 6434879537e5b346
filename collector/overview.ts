/**
 * What the page shows and `GET /api/v1/overview` answers; `GET /api/v1/live` sends the same as server-sent events.
 * The page imports these types and nothing else of the collector.
 */
export interface Overview {
  readonly atMs: number;
  /** 1 in production; the demo divides every window by this so that hours pass in seconds. */
  readonly timeScale: number;
  readonly instances: readonly InstanceView[];
  readonly edges: readonly EdgeView[];
  readonly slos: readonly SloView[];
  readonly alerts: readonly AlertView[];
  /** Newest first, at most 50. */
  readonly traces: readonly TraceView[];
  /** Newest first, at most 200: decisions, deploys, policy changes, alerts. */
  readonly events: readonly EventView[];
}

/** One running part: a sidecar, the webhook, the control plane. */
export interface InstanceView {
  /** "sidecar", "admission", "mesh", "collector". */
  readonly component: string;
  readonly instance: string;
  readonly namespace: string;
  readonly service: string;
  readonly lastSeenMs: number;
  /** lost: nothing heard for three export intervals; stopped: it said goodbye. */
  readonly state: "up" | "lost" | "stopped";
}

/** An arrow of the service map, from the sidecars' request counters. */
export interface EdgeView {
  readonly client: string;
  readonly server: string;
  readonly requests: number;
  readonly failed: number;
  readonly denied: number;
  readonly ratePerSecond: number;
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
}

export interface SloView {
  readonly slo: string;
  readonly namespace: string;
  readonly service: string;
  /** A ratio: 0.999. */
  readonly objective: number;
  readonly periodMs: number;
  readonly good: number;
  readonly bad: number;
  readonly budgetRemaining: number | null;
  readonly coverage: number;
  /** By window name of the unscaled table: "5m", "1h", "30m", "6h", "2h", "1d", "3d". `null`: the window saw no events. */
  readonly burnRates: Readonly<Record<string, number | null>>;
  readonly exhaustedAtMs: number | null;
  /** Burn-down: budget remaining over time, oldest first, at most 300 points. */
  readonly burnDown: readonly { readonly atMs: number; readonly remaining: number }[];
}

export interface AlertView {
  readonly slo: string;
  readonly namespace: string;
  readonly service: string;
  /** "fast-burn 1h/5m" */
  readonly alert: string;
  readonly severity: "page" | "ticket";
  readonly state: "inactive" | "pending" | "firing" | "resolved";
  readonly sinceMs: number;
  readonly burnRate: number | null;
  readonly threshold: number;
  readonly exhaustedInMs: number | null;
  readonly topContributor: { readonly dimension: string; readonly value: string; readonly share: number } | null;
  readonly exemplarTraceId: string | null;
  readonly runbook: string;
  readonly message: string;
}

export interface TraceView {
  readonly traceId: string;
  readonly rootName: string;
  readonly startMs: number;
  readonly durationMs: number;
  readonly services: readonly string[];
  readonly error: boolean;
  readonly spans: readonly SpanView[];
}

export interface SpanView {
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly service: string;
  readonly name: string;
  readonly kind: "internal" | "server" | "client" | "producer" | "consumer";
  readonly startMs: number;
  readonly durationMs: number;
  readonly error: boolean;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface EventView {
  readonly kind: string;
  readonly atMs: number;
  readonly from: string;
  readonly subject: string;
  readonly outcome: string;
  readonly message: string;
  readonly namespace: string;
  readonly service: string;
  readonly severity: "info" | "warn" | "error";
  readonly attributes: Readonly<Record<string, string>>;
}
