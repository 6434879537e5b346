import { ADMISSION_METRICS } from "../admission/metrics.ts";
import type { Board, Row } from "./board.ts";
import { stat, step, timeSeries } from "./panels.ts";
import { increase, minBy, quantileBy, rate, ratio, select, sumBy, topk } from "./query.ts";
import { boardLink, chosen, labelVariable } from "./variables.ts";

const IN_NAMESPACE = { namespace: chosen("namespace") };
const WORST = 20;
const DAY_S = 86_400;

/** What the gate decided and why. */
export function admissionBoard(): Board {
  return {
    uid: "outrider-admission",
    title: "Outrider / Admission",
    description: "What the admission gate decided, which rules refused, and how long an answer takes.",
    tags: ["admission"],
    variables: [labelVariable(ADMISSION_METRICS.reviews, "namespace", "Namespace")],
    links: [boardLink("SLO", "outrider-slo"), boardLink("Mesh", "outrider-mesh")],
    annotations: [],
    rows: [decisionsRow(), gateRow()],
  };
}

function decisionsRow(): Row {
  const reviews = select(ADMISSION_METRICS.reviews, IN_NAMESPACE);
  const undecided = select(ADMISSION_METRICS.reviews, { ...IN_NAMESPACE, outcome: "undecided" });
  return {
    title: "Decisions",
    panels: [
      timeSeries(
        {
          title: "Reviews by outcome",
          description: "AdmissionReviews answered: allow, warn, deny, undecided (could not find out), invalid.",
          unit: "short",
          min: 0,
        },
        { query: sumBy(["path", "outcome"], increase(reviews)), legend: "{{path}} {{outcome}}" },
      ),
      timeSeries(
        {
          title: "Violations by code",
          description: "Which rules refused or warned. Each code is explained in docs/errors.md.",
          unit: "short",
          min: 0,
        },
        {
          query: topk(
            WORST,
            sumBy(["code", "mode", "namespace"], increase(select(ADMISSION_METRICS.violations, IN_NAMESPACE))),
          ),
          legend: "{{code}} ({{mode}}) in {{namespace}}",
        },
      ),
      stat(
        {
          title: "Could not find out",
          description:
            "Share of reviews that ended undecided: a registry or scanner is unreachable. Refused by default.",
          unit: "percentunit",
          width: 24,
          thresholds: [step(null, "green"), step(0.01, "orange"), step(0.05, "red")],
        },
        { query: ratio(sumBy([], rate(undecided)), sumBy([], rate(reviews))), legend: "undecided" },
      ),
    ],
  };
}

function gateRow(): Row {
  return {
    title: "The gate itself",
    panels: [
      timeSeries(
        {
          title: "Time to answer",
          description: "Time to answer one AdmissionReview. The API server gives up after its timeoutSeconds.",
          unit: "s",
          min: 0,
        },
        ...[0.5, 0.99].map((quantile) => ({
          query: quantileBy(quantile, ["path"], ADMISSION_METRICS.duration),
          legend: `{{path}} p${quantile * 100}`,
        })),
      ),
      stat(
        {
          title: "Serving certificate ends in",
          description: "Time until the webhook's serving certificate ends. Past it the API server refuses every pod.",
          unit: "dtdurations",
          thresholds: [step(null, "red"), step(DAY_S, "green")],
        },
        { query: minBy([], select(ADMISSION_METRICS.certificateExpiry)), legend: "certificate" },
      ),
    ],
  };
}
