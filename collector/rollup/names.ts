/** UCUM units of OTLP and what Prometheus writes for them. @see Prometheus and OpenMetrics compatibility, "Unit" */
const UNIT_SUFFIX: Readonly<Record<string, string>> = {
  s: "seconds",
  ms: "milliseconds",
  us: "microseconds",
  ns: "nanoseconds",
  min: "minutes",
  h: "hours",
  d: "days",
  By: "bytes",
  KiBy: "kibibytes",
  MiBy: "mebibytes",
  "%": "percent",
};

/** Names of ours are Prometheus names already and pass unchanged. */
const OWN_PREFIX = "outrider_";

/** The Prometheus name of an OTLP metric: "http.server.request.duration", "s" -> "http_server_request_duration_seconds". */
export function metricName(name: string, unit: string, type: "counter" | "gauge" | "histogram"): string {
  const clean = sanitized(name, /[^a-zA-Z0-9_:]/g);
  if (clean.startsWith(OWN_PREFIX)) return clean;
  const withUnit = withSuffix(clean.replace(/_total$/, ""), suffixOf(unit, type));
  return type === "counter" ? `${withUnit}_total` : withUnit;
}

export function labelName(key: string): string {
  return sanitized(key, /[^a-zA-Z0-9_]/g);
}

function sanitized(name: string, forbidden: RegExp): string {
  const clean = name.replace(forbidden, "_").replace(/__+/g, "_").slice(0, 200);
  return /^[a-zA-Z_:]/.test(clean) ? clean : `_${clean}`;
}

function suffixOf(unit: string, type: string): string {
  if (unit === "1") return type === "gauge" ? "ratio" : "";
  return UNIT_SUFFIX[unit] ?? "";
}

function withSuffix(name: string, suffix: string): string {
  return suffix === "" || name.endsWith(`_${suffix}`) ? name : `${name}_${suffix}`;
}
