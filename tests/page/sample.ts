import type {
  AlertView,
  EdgeView,
  EventView,
  InstanceView,
  Overview,
  SloView,
  SpanView,
  TraceView,
} from "../../collector/overview.ts";

/** A demo in trouble: payments fails, a sidecar is lost, batch is refused, and some names are hostile. */
export const HOSTILE = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

export function sampleOverview(atMs: number, change: Partial<Overview> = {}): Overview {
  return {
    atMs,
    timeScale: 1200,
    instances: instances(atMs),
    edges: edges(Math.floor(atMs / 1000) % 100_000),
    slos: slos(atMs),
    alerts: alerts(atMs),
    traces: Array.from({ length: 14 }, (_, index) => trace(index, atMs)),
    events: events(atMs),
    ...change,
  };
}

export function emptyOverview(atMs: number): Overview {
  return { atMs, timeScale: 1, instances: [], edges: [], slos: [], alerts: [], traces: [], events: [] };
}

function instances(atMs: number): InstanceView[] {
  const part = (component: string, service: string, instance: string, change: Partial<InstanceView> = {}) => {
    return { component, instance, namespace: "shop", service, lastSeenMs: atMs - 300, state: "up" as const, ...change };
  };
  return [
    part("sidecar", "web", "web-1"),
    part("sidecar", "checkout", "checkout-1"),
    part("sidecar", "payments", "payments-1"),
    part("sidecar", "batch", "batch-1", { state: "lost", lastSeenMs: atMs - 42_000 }),
    part("sidecar", "checkout", "checkout-0", { state: "stopped", lastSeenMs: atMs - 312_000 }),
    part("admission", "outrider-admission", "admission-5f7c9d8b6-x2x9q", { namespace: "outrider-system" }),
    part("mesh", "outrider-mesh", "mesh-0", { namespace: "outrider-system" }),
    part("collector", "outrider-collector", "collector-0", { namespace: "outrider-system" }),
  ];
}

function edges(ticks: number): EdgeView[] {
  const edge = (client: string, server: string, rate: number, failed: number, denied: number, p99Ms: number | null) => {
    const requests = Math.round(ticks * rate);
    return {
      client,
      server,
      requests,
      failed: Math.round(requests * failed),
      denied: denied === 0 ? 0 : requests,
      ratePerSecond: rate,
      p50Ms: p99Ms === null ? null : p99Ms / 5,
      p99Ms,
    };
  };
  return [
    edge("unknown", "web", 24.8, 0, 0, 61),
    edge("web", "checkout", 24.6, 0.004, 0, 48.2),
    edge("checkout", "payments", 24.5, 0.31, 0, 1320),
    edge("batch", "payments", 0.5, 0, 1, null),
    edge("web", "recommendation-service-with-a-very-long-name", 3.2, 0, 0, 12.1),
  ];
}

function slos(atMs: number): SloView[] {
  const slo = (
    service: string,
    name: string,
    objective: number,
    remaining: number | null,
    rates: (number | null)[],
  ) => {
    const windows = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];
    return {
      slo: name,
      namespace: "shop",
      service,
      objective,
      periodMs: 30 * DAY_MS,
      good: 48_211,
      bad: 1_204,
      budgetRemaining: remaining,
      coverage: 0.83,
      burnRates: Object.fromEntries(windows.map((window, index) => [window, rates[index] ?? null])),
      exhaustedAtMs: remaining !== null && remaining < 0.5 ? atMs + 42_000 : null,
      burnDown: burnDown(atMs, remaining),
    };
  };
  return [
    slo("payments", "payments-availability", 0.999, 0.214, [310, 84.2, 41.9, 21.3, 7.1, 1.78, 0.59]),
    slo(
      "payments",
      "payments-latency-99-percent-under-300-milliseconds",
      0.99,
      -0.36,
      [12.1, 7.9, 6.2, 3.1, 1.4, 0.4, 0.13],
    ),
    slo("checkout", "checkout-availability", 0.9995, 0.871, [0.8, 0.4, 0.4, 0.3, 0.1, 0.02, 0]),
    slo("web", "web-availability", 0.999, 1, [0, 0, 0, 0, 0, 0, 0]),
    slo("recommendation-service-with-a-very-long-name", "recommendation-availability", 0.95, null, []),
  ];
}

function burnDown(atMs: number, remaining: number | null): SloView["burnDown"] {
  if (remaining === null) return [];
  return Array.from({ length: 120 }, (_, index) => {
    const share = Math.max(0, (index - 70) / 49);
    return { atMs: atMs - (120 - index) * 5_000, remaining: 1 - (1 - remaining) * share };
  });
}

function alerts(atMs: number): AlertView[] {
  const names = [
    ["fast-burn 1h/5m", "page", 14.4],
    ["slow-burn 6h/30m", "page", 6],
    ["drain 1d/2h", "ticket", 3],
    ["drain 3d/6h", "ticket", 1],
  ] as const;
  return names.map(([alert, severity, threshold], index) => ({
    slo: "payments-availability",
    namespace: "shop",
    service: "payments",
    alert,
    severity,
    state: (["firing", "pending", "inactive", "resolved"] as const)[index] ?? "inactive",
    sinceMs: atMs - 34_000 * (index + 1),
    burnRate: [41.9, 7.1, 1.78, 0.59][index] ?? null,
    threshold,
    exhaustedInMs: index === 0 ? 42_000 : null,
    topContributor: index === 0 ? { dimension: "pod", value: "payments-1", share: 0.821 } : null,
    exemplarTraceId: index === 0 ? traceId(1) : null,
    runbook: "docs/runbooks/slo-burn.md",
    message:
      index === 0
        ? "payments fails 41.9 times as fast as its 99.9 % objective allows (pages above 14.4); the budget is spent in 14 h (42 s of this clock, time scale 1200); pod payments-1 makes 82.1 % of the errors and 33 % of the requests"
        : `payments fails 7.1 times as fast as its 99.9 % objective allows (${severity} above ${threshold})`,
  }));
}

export function traceId(index: number): string {
  return (index + 1).toString(16).padStart(32, "4bf92f3577b34da6a3ce929d0e0e4736".slice(0, 31));
}

function trace(index: number, atMs: number): TraceView {
  const startMs = atMs - 1_500 - index * 2_100;
  const error = index % 4 === 1;
  const span = (
    id: number,
    parent: number,
    service: string,
    name: string,
    kind: SpanView["kind"],
    from: number,
    to: number,
  ) => ({
    spanId: `${index}-${id}`,
    parentSpanId: parent < 0 ? "" : `${index}-${parent}`,
    service,
    name,
    kind,
    startMs: startMs + from,
    durationMs: to - from,
    error: error && service === "payments",
    attributes: {
      "http.request.method": "POST",
      "url.path": "/pay",
      "http.response.status_code": error ? "503" : "200",
    },
  });
  return {
    traceId: traceId(index),
    rootName: index === 3 ? `GET /products/${HOSTILE}/reviews?page=2` : "POST /checkout",
    startMs,
    durationMs: 48.2,
    services: ["web", "checkout", "payments"],
    error,
    spans: [
      span(0, -1, "web", "POST /checkout", "server", 0, 48.2),
      span(1, 0, "web", "POST checkout", "client", 1.1, 47.6),
      span(2, 1, "checkout", "POST /checkout", "server", 3.4, 46.9),
      span(3, 2, "checkout", "POST payments", "client", 6.1, 45.2),
      span(4, 3, "payments", "POST /pay", "server", 8.3, 43.4),
      span(5, 4, "payments", "charge the card at a provider with a long name", "internal", 12.7, 40.1),
    ],
  };
}

function events(atMs: number): EventView[] {
  const event = (index: number, change: Partial<EventView>): EventView => ({
    kind: "decision",
    atMs: atMs - index * 11_000,
    from: "admission",
    subject: "Pod shop/checkout",
    outcome: "admitted",
    message: "admitted  Pod shop/checkout  (2 of 2 images pass)",
    namespace: "shop",
    service: "checkout",
    severity: "info",
    attributes: { operation: "CREATE", uid: `uid-${index}` },
    ...change,
  });
  const alert = alerts(atMs)[0];
  return [
    event(1, {
      kind: "alert",
      from: "collector",
      subject: "slo payments-availability",
      outcome: "firing",
      severity: "error",
      message: alert?.message ?? "",
      attributes: { alert: "fast-burn 1h/5m", traceId: traceId(1) },
    }),
    event(2, {
      outcome: "refused",
      severity: "error",
      subject: "Pod shop/migrate-with-a-long-generated-name-7d9f8c6b5d-abcde",
      message: "IMG_UNSIGNED at spec.initContainers[0].image: found no signature, expected one by acme-release",
      attributes: {
        operation: "CREATE",
        codes: "IMG_UNSIGNED,PSS_PRIVILEGED",
        image: "127.0.0.4:5000/shop/migrate@sha256:77ab3c1d9e0f2a4b6c8d0e1f3a5b7c9d1e2f3a4b5c6d7e8f9a0b1c2d3e4f5a6b",
        violations: [
          "IMG_UNSIGNED spec.initContainers[0].image: found no signature, expected one by acme-release; fix: cosign sign 127.0.0.4:5000/shop/migrate@sha256:77ab",
          "PSS_PRIVILEGED spec.containers[0].securityContext.privileged: found true, expected false or absent; fix: remove privileged: true",
        ].join("\n"),
      },
    }),
    event(3, {
      kind: "policy-change",
      from: "mesh",
      subject: "NetworkPolicy shop/payments",
      outcome: "changed",
      message: "payments now accepts checkout alone",
      attributes: {},
    }),
    event(4, { outcome: "warned", severity: "warn", message: `label owner is missing ${HOSTILE}` }),
    event(5, {
      kind: "deploy",
      from: "mesh",
      subject: "Deployment shop/payments",
      outcome: "deployed",
      message: "payments 1.4.2 replaced 1.4.1",
    }),
    event(6, {}),
    event(7, {
      kind: "lifecycle",
      from: "mesh",
      subject: "trust domain demo.outrider.dev",
      outcome: "rotated",
      message: "trust bundle of demo.outrider.dev changed: 2 anchors live",
    }),
  ];
}
