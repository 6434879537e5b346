import { DAY_MS } from "../base/clock.ts";
import type { Problem } from "../base/config.ts";
import { parseDuration } from "../base/duration.ts";
import type { Objective } from "./objective.ts";

/** Annotations on a Service that promise something, and the SLO each makes. */
export const SLO_ANNOTATIONS = {
  availability: "slo.outrider.dev/availability",
  latency: "slo.outrider.dev/latency",
} as const;

/** Annotations carry no period: the usual one. */
export const ANNOTATION_PERIOD_MS = 30 * DAY_MS;

/** The series that a service's own sidecars report. */
const REQUESTS = "outrider_requests_total";
const DURATION = "outrider_request_duration_seconds";

export interface AnnotatedService {
  readonly namespace: string;
  readonly service: string;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The promises of one Service; problems carry the annotation as their path, all at once. */
export function readAnnotations(service: AnnotatedService): { objectives: Objective[]; problems: Problem[] } {
  const objectives: Objective[] = [];
  const problems: Problem[] = [];
  for (const [kind, name] of Object.entries(SLO_ANNOTATIONS)) {
    const text = service.annotations[name];
    if (text === undefined) continue;
    const read = kind === "availability" ? availability(service, text) : latency(service, text);
    if (typeof read === "string")
      problems.push({ path: `metadata.annotations["${name}"]`, message: `${read}, found "${text}"` });
    else objectives.push(read);
  }
  return { objectives, problems };
}

function availability(service: AnnotatedService, text: string): Objective | string {
  const target = percentage(text);
  if (target === undefined) return 'expected a percentage between 0 and 100 such as "99.9"';
  const total = labelsOf(service);
  const part = { result: "bad", labels: { status: "5.." } } as const;
  return objective(service, "availability", target, { kind: "ratio", metric: REQUESTS, total, part });
}

const LATENCY = /^\s*(\S+?)\s*%?\s*<=?\s*(\S+)\s*$/;

function latency(service: AnnotatedService, text: string): Objective | string {
  const [, share = "", threshold = ""] = LATENCY.exec(text) ?? [];
  const target = percentage(share);
  const thresholdMs = parseDuration(threshold);
  if (target === undefined || thresholdMs === undefined || thresholdMs === 0) {
    return 'expected a share and a duration such as "99% < 300ms"';
  }
  const indicator = { kind: "latency", metric: DURATION, total: labelsOf(service) } as const;
  return objective(service, "latency", target, { ...indicator, thresholdSeconds: thresholdMs / 1000 });
}

function objective(
  { namespace, service }: AnnotatedService,
  promise: string,
  target: number,
  indicator: Objective["indicator"],
): Objective {
  const source = `Service ${namespace}/${service} annotation ${SLO_ANNOTATIONS[promise as keyof typeof SLO_ANNOTATIONS]}`;
  return {
    slo: `${service}-${promise}`,
    namespace,
    service,
    target,
    periodMs: ANNOTATION_PERIOD_MS,
    indicator,
    source,
  };
}

function labelsOf({ namespace, service }: AnnotatedService): Record<string, string> {
  return { direction: "inbound", namespace: escaped(namespace), service: escaped(service) };
}

function percentage(text: string): number | undefined {
  const match = /^(\d{1,2}(?:\.\d{1,6})?)\s*%?$/.exec(text.trim());
  const target = Number(match?.[1]) / 100;
  return target > 0 && target < 1 ? Number(target.toPrecision(12)) : undefined;
}

/** Names of Kubernetes objects hold no other character that a pattern would read as its own. */
function escaped(name: string): string {
  return name.replaceAll(".", "\\.");
}
