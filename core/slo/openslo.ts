import { z } from "zod";
import { DAY_MS } from "../base/clock.ts";
import { configInvalid, type Problem, validate } from "../base/config.ts";
import { parseDuration } from "../base/duration.ts";
import { CodedError } from "../base/errors.ts";
import { LONGEST_PERIOD_MS } from "./history.ts";
import { compilePatterns, type Indicator, type LabelPatterns, type Objective, PATTERN_LIMIT } from "./objective.ts";

const targetField = z.number("expected a ratio between 0 and 1").refine((target) => target > 0 && target < 1, {
  error: ({ input }) => `expected a ratio between 0 and 1, found ${input}${percentageHint(input)}`,
});

const targetPercentField = z.number("expected a percentage between 0 and 100").refine((p) => p > 0 && p < 100, {
  error: "expected a percentage between 0 and 100",
});

const periodField = z
  .string('expected a duration such as "30d" (units s, m, h, d, w)')
  .refine((text) => parseDuration(text) !== undefined, {
    error: 'expected a duration such as "30d" (units s, m, h, d, w)',
  })
  .transform((text) => parseDuration(text) as number)
  .refine((ms) => ms >= DAY_MS && ms <= LONGEST_PERIOD_MS, { error: 'expected a period from "1d" to "35d"' });

const labelsField = z.record(
  z.string(),
  z
    .string("expected an anchored regular expression")
    .max(PATTERN_LIMIT)
    .refine(isPattern, { error: "expected a regular expression" }),
);

const metricSource = z.strictObject({
  metricSource: z.strictObject({
    type: z.literal("Outrider", 'expected "Outrider", the only metric source read here'),
    spec: z.strictObject({ metric: z.string().min(1), labels: labelsField.default({}) }),
  }),
});

const ratioMetric = z
  .strictObject({
    counter: z.literal(true, "expected true: counts must be cumulative").default(true),
    good: metricSource.optional(),
    bad: metricSource.optional(),
    total: metricSource,
  })
  .refine(({ good, bad }) => (good === undefined) !== (bad === undefined), {
    error: "expected exactly one of good and bad beside total",
  })
  .refine(({ good, bad, total }) => metricOf(good ?? bad ?? total) === metricOf(total), {
    error: "expected the same metric in total and in good or bad; tell them apart by labels",
  });

const documented = { displayName: z.string().optional(), description: z.string().optional() };
const strings = z.record(z.string(), z.union([z.string(), z.array(z.string())])).optional();
const metadata = z.strictObject({
  name: z.string().regex(/^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$/, "expected a lower-case DNS name"),
  displayName: z.string().optional(),
  labels: strings,
  annotations: z.record(z.string(), z.string()).optional(),
});

const indicator = z.strictObject({
  metadata: metadata.partial().optional(),
  spec: z
    .strictObject({
      description: z.string().optional(),
      ratioMetric: ratioMetric.optional(),
      thresholdMetric: metricSource.optional(),
    })
    .refine(
      ({ ratioMetric: ratio, thresholdMetric: threshold }) => (ratio === undefined) !== (threshold === undefined),
      {
        error: "expected exactly one of ratioMetric and thresholdMetric",
      },
    ),
});

const objective = z
  .strictObject({
    displayName: z.string().optional(),
    target: targetField.optional(),
    targetPercent: targetPercentField.optional(),
    op: z.enum(["lte", "lt"], 'expected "lte": at or below the value is good').optional(),
    value: z.number("expected seconds").positive("expected seconds, more than 0").optional(),
  })
  .refine(({ target, targetPercent }) => (target === undefined) !== (targetPercent === undefined), {
    error: "expected exactly one of target and targetPercent",
  });

/** OpenSLO v1, the part that Outrider evaluates. @see https://github.com/OpenSLO/OpenSLO/tree/main#slo */
const sloSchema = z.strictObject({
  apiVersion: z.literal("openslo/v1", 'expected "openslo/v1"'),
  kind: z.literal("SLO", 'expected "SLO"'),
  metadata,
  spec: z.strictObject({
    ...documented,
    service: z.string().min(1),
    indicator,
    timeWindow: z
      .array(
        z.strictObject({
          duration: periodField,
          isRolling: z.literal(true, "expected true: only rolling windows are evaluated").default(true),
        }),
      )
      .length(1, "expected exactly one window"),
    budgetingMethod: z
      .literal("Occurrences", 'expected "Occurrences", the only method evaluated so far')
      .default("Occurrences"),
    objectives: z.array(objective).min(1, "expected at least one objective").max(20),
    alertPolicies: z.array(z.unknown()).optional(),
  }),
});

type Slo = z.infer<typeof sloSchema>;

/**
 * The objectives of one OpenSLO document.
 *
 * @throws {CodedError} CONFIG_INVALID naming every problem of the document
 */
export function readOpenSlo(document: unknown, file: string): Objective[] {
  const slo = validate(sloSchema, document, file) as Slo;
  const problems = slo.spec.objectives.flatMap((item, index) => thresholdProblems(slo, item, index));
  if (problems.length > 0) throw configInvalid(file, problems);
  return slo.spec.objectives.map((item, index) => objectiveOf(slo, item, index, file));
}

type Item = Slo["spec"]["objectives"][number];

function thresholdProblems(slo: Slo, item: Item, index: number): Problem[] {
  const isThreshold = slo.spec.indicator.spec.thresholdMetric !== undefined;
  const path = `spec.objectives[${index}].value`;
  if (isThreshold && item.value === undefined) {
    return [{ path, message: "expected the threshold in seconds (thresholdMetric needs one), found nothing" }];
  }
  if (isThreshold || item.value === undefined) return [];
  return [{ path, message: `expected no value (ratioMetric has no threshold), found ${item.value}` }];
}

function objectiveOf(slo: Slo, item: Item, index: number, file: string): Objective {
  const single = slo.spec.objectives.length === 1;
  const read = indicatorOf(slo, item);
  return {
    slo: single ? slo.metadata.name : `${slo.metadata.name}-${index + 1}`,
    namespace: slo.metadata.annotations?.["outrider.dev/namespace"] ?? literal(read.total["namespace"]),
    service: slo.spec.service,
    target: item.target ?? round((item.targetPercent as number) / 100),
    periodMs: (slo.spec.timeWindow[0] as Slo["spec"]["timeWindow"][number]).duration,
    indicator: read,
    source: file,
  };
}

function indicatorOf(slo: Slo, item: Item): Indicator {
  const { ratioMetric: ratio, thresholdMetric } = slo.spec.indicator.spec;
  if (ratio === undefined) {
    const { metric, labels } = sourceOf(thresholdMetric as Source);
    return { kind: "latency", metric, total: labels, thresholdSeconds: item.value as number };
  }
  const result = ratio.bad === undefined ? "good" : "bad";
  const total = sourceOf(ratio.total);
  const part = sourceOf(ratio[result] as Source);
  return { kind: "ratio", metric: total.metric, total: total.labels, part: { result, labels: part.labels } };
}

type Source = z.infer<typeof metricSource>;

function sourceOf(source: Source): { metric: string; labels: LabelPatterns } {
  return source.metricSource.spec;
}

function metricOf(source: Source): string {
  return source.metricSource.spec.metric;
}

/** A pattern that can match one text only is that text. */
function literal(pattern: string | undefined): string {
  return pattern !== undefined && /^[\w-]+$/.test(pattern) ? pattern : "";
}

function isPattern(pattern: string): boolean {
  try {
    compilePatterns({ pattern });
    return true;
  } catch {
    return false;
  }
}

function percentageHint(input: unknown): string {
  return typeof input === "number" && input >= 1 && input < 100 ? ` (a percentage? write ${round(input / 100)})` : "";
}

function round(ratio: number): number {
  return Number(ratio.toPrecision(12));
}

/** Two SLOs of one name would share their numbers. @throws {CodedError} CONFIG_INVALID */
export function refuseDuplicates(objectives: readonly Objective[]): void {
  const bySlo = Map.groupBy(objectives, ({ namespace, slo }) => `${namespace}/${slo}`);
  const messages = [...bySlo].flatMap(([slo, [first, ...others]]) => {
    const also = `expected a name of its own, found "${slo}" (also in ${first?.source})`;
    return others.map(({ source }) => `${source}: metadata.name: ${also}`);
  });
  if (messages.length > 0)
    throw new CodedError("CONFIG_INVALID", messages.join("\n"), "rename all but one of each name");
}
