import { describe, expect, it } from "@jest/globals";
import { DAY_MS } from "../../../core/base/clock.ts";
import { CodedError } from "../../../core/base/errors.ts";
import { readAnnotations } from "../../../core/slo/annotations.ts";
import { compilePatterns } from "../../../core/slo/objective.ts";
import { readOpenSlo, refuseDuplicates } from "../../../core/slo/openslo.ts";

const source = (labels: object) => ({
  metricSource: { type: "Outrider", spec: { metric: "outrider_requests_total", labels } },
});
const TOTAL = { direction: "inbound", namespace: "shop", service: "payments" };
const RATIO = { ratioMetric: { counter: true, bad: source({ ...TOTAL, status: "5.." }), total: source(TOTAL) } };

function slo(change: { spec?: object; indicator?: object; objective?: object; metadata?: object } = {}): object {
  return {
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name: "payments-availability", ...change.metadata },
    spec: {
      service: "payments",
      indicator: { spec: change.indicator ?? RATIO },
      timeWindow: [{ duration: "30d", isRolling: true }],
      budgetingMethod: "Occurrences",
      objectives: [{ target: 0.999, ...change.objective }],
      ...change.spec,
    },
  };
}

describe("an OpenSLO v1 file", () => {
  it("becomes an objective", () => {
    expect(readOpenSlo(slo(), "slo/payments.yaml")).toEqual([
      {
        slo: "payments-availability",
        namespace: "shop",
        service: "payments",
        target: 0.999,
        periodMs: 30 * DAY_MS,
        indicator: {
          kind: "ratio",
          metric: "outrider_requests_total",
          total: TOTAL,
          part: { result: "bad", labels: { ...TOTAL, status: "5.." } },
        },
        source: "slo/payments.yaml",
      },
    ]);
  });

  it("may count good events, give a percentage, or several objectives", () => {
    const indicator = { ratioMetric: { good: source({ status: "2.." }), total: source({}) } };
    const objectives = [{ targetPercent: 99.5 }, { target: 0.9 }];
    const read = readOpenSlo(slo({ indicator, spec: { objectives } }), "f");
    expect(read.map(({ slo: name, target }) => [name, target])).toEqual([
      ["payments-availability-1", 0.995],
      ["payments-availability-2", 0.9],
    ]);
    expect(read[0]?.indicator).toMatchObject({ part: { result: "good" } });
  });

  it("may promise latency by a threshold in seconds", () => {
    const indicator = { thresholdMetric: source(TOTAL) };
    const [read] = readOpenSlo(slo({ indicator, objective: { op: "lte", value: 0.3 } }), "f");
    expect(read?.indicator).toMatchObject({ kind: "latency", thresholdSeconds: 0.3 });
  });

  const wrong: [given: string, document: object, message: string][] = [
    [
      "a percentage as a ratio",
      slo({ objective: { target: 99.9 } }),
      "spec.objectives[0].target: expected a ratio between 0 and 1, found 99.9 (a percentage? write 0.999)",
    ],
    ["a target of 1", slo({ objective: { target: 1 } }), "expected a ratio between 0 and 1, found 1"],
    ["a misspelt key", slo({ spec: { sevice: "x" } }), 'spec.sevice: unknown key (did you mean "service"?)'],
    [
      "a number as a duration",
      slo({ spec: { timeWindow: [{ duration: 30 }] } }),
      'spec.timeWindow[0].duration: expected a duration such as "30d"',
    ],
    [
      "a calendar window",
      slo({ spec: { timeWindow: [{ duration: "30d", isRolling: false }] } }),
      "only rolling windows",
    ],
    [
      "a period longer than history",
      slo({ spec: { timeWindow: [{ duration: "90d" }] } }),
      'expected a period from "1d" to "35d"',
    ],
    ["another version", { ...slo(), apiVersion: "openslo/v2alpha" }, 'expected "openslo/v1", found "openslo/v2alpha"'],
    [
      "good and bad at once",
      slo({ indicator: { ratioMetric: { ...RATIO.ratioMetric, good: source({}) } } }),
      "exactly one of good and bad",
    ],
    [
      "a broken pattern",
      slo({ indicator: { ratioMetric: { bad: source({ status: "(" }), total: source({}) } } }),
      'labels.status: expected a regular expression, found "("',
    ],
    [
      "a threshold without value",
      slo({ indicator: { thresholdMetric: source({}) } }),
      "spec.objectives[0].value: expected the threshold in seconds",
    ],
    ["a name that is none", slo({ metadata: { name: "Pay ments" } }), "metadata.name: expected a lower-case DNS name"],
  ];
  it.each(wrong)("is refused with the path and what was expected: %s", (_, document, message) => {
    expect(() => readOpenSlo(document, "slo/x.yaml")).toThrow(message);
  });

  it("names every problem at once", () => {
    const document = slo({ objective: { target: 99.9 }, spec: { sevice: "x" }, metadata: { name: "!" } });
    const error = thrownBy(() => readOpenSlo(document, "slo/x.yaml"));
    expect(error.code).toBe("CONFIG_INVALID");
    expect(error.message).toContain("slo/x.yaml: 3 problems");
  });

  it("must not share its name with another of the same namespace", () => {
    const [one] = readOpenSlo(slo(), "slo/a.yaml");
    const [two] = readOpenSlo(slo(), "slo/b.yaml");
    expect(thrownBy(() => refuseDuplicates([one!, two!])).message).toContain("slo/b.yaml: metadata.name");
    expect(() => refuseDuplicates([one!, { ...two!, namespace: "other" }])).not.toThrow();
  });
});

describe("annotations on a Service", () => {
  const read = (annotations: Record<string, string>) =>
    readAnnotations({ namespace: "shop", service: "payments", annotations });

  it("promise availability and latency", () => {
    const { objectives, problems } = read({
      "slo.outrider.dev/availability": "99.9",
      "slo.outrider.dev/latency": "99% < 300ms",
    });
    expect(problems).toEqual([]);
    expect(objectives.map(({ slo: name, target }) => [name, target])).toEqual([
      ["payments-availability", 0.999],
      ["payments-latency", 0.99],
    ]);
    expect(objectives[1]?.indicator).toMatchObject({ kind: "latency", thresholdSeconds: 0.3 });
  });

  it.each([
    ["slo.outrider.dev/availability", "100", 'such as "99.9", found "100"'],
    ["slo.outrider.dev/availability", "0.999x", 'such as "99.9"'],
    ["slo.outrider.dev/latency", "99% < 300", 'such as "99% < 300ms"'],
    ["slo.outrider.dev/latency", "300ms", 'such as "99% < 300ms"'],
  ])("are refused with the annotation named: %s: %s", (name, value, message) => {
    const { objectives, problems } = read({ [name]: value });
    expect(objectives).toEqual([]);
    expect(problems).toEqual([{ path: `metadata.annotations["${name}"]`, message: expect.stringContaining(message) }]);
  });
});

describe("label patterns", () => {
  it("are anchored at both ends, and a missing label is an empty text", () => {
    expect(compilePatterns({ status: "5.." })({ status: "503" })).toBe(true);
    expect(compilePatterns({ status: "5.." })({ status: "1503" })).toBe(false);
    expect(compilePatterns({ service: "pay|web" })({ service: "payments" })).toBe(false);
    expect(compilePatterns({ peer: "" })({})).toBe(true);
  });
});

function thrownBy(work: () => unknown): CodedError {
  try {
    work();
  } catch (thrown) {
    if (thrown instanceof CodedError) return thrown;
  }
  throw new Error("expected a coded error");
}
