/** UCUM units of OTLP and what Prometheus writes for them. @see Prometheus and OpenMetrics compatibility, "Unit" */
const UNIT_SUFFIX: ReadonlyMap<string, string> = new Map(
  Object.entries({
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
  }),
);

/** Longest metric or label name, in UTF-16 units; longer ones are cut. */
export const NAME_LIMIT = 200;
/** Names of ours are Prometheus names already and pass unchanged. */
const OWN_PREFIX = "outrider_";

/** The Prometheus name of an OTLP metric: "http.server.request.duration", "s" -> "http_server_request_duration_seconds". */
export function metricName(name: string, unit: string, type: "counter" | "gauge" | "histogram"): string {
  const clean = sanitized(name, /[^a-zA-Z0-9_:]/g);
  if (clean.startsWith(OWN_PREFIX)) return clean;
  const withUnit = withSuffix(clean.replace(/_total$/, ""), suffixOf(unit, type));
  return type === "counter" ? `${withUnit}_total` : withUnit;
}

/** "le" belongs to the buckets of histograms. */
export function labelName(key: string): string {
  const name = sanitized(key, /[^a-zA-Z0-9_]/g);
  return name === "le" ? "exported_le" : name;
}

function sanitized(name: string, forbidden: RegExp): string {
  const clean = name.slice(0, NAME_LIMIT).replace(forbidden, "_").replace(/__+/g, "_");
  return /^[a-zA-Z_:]/.test(clean) ? clean : `_${clean}`;
}

function suffixOf(unit: string, type: string): string {
  if (unit === "1") return type === "gauge" ? "ratio" : "";
  return UNIT_SUFFIX.get(unit) ?? "";
}

function withSuffix(name: string, suffix: string): string {
  return suffix === "" || name.endsWith(`_${suffix}`) ? name : `${name}_${suffix}`;
}
