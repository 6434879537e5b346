import { metric } from "../core/base/metric.ts";

export const ADMISSION_METRICS = {
  reviews: metric({
    name: "outrider_admission_reviews_total",
    help: "AdmissionReviews answered, by path, outcome (allow, warn, deny, undecided, invalid) and namespace.",
    type: "counter",
    unit: "1",
    labels: ["path", "outcome", "namespace"],
  }),
  violations: metric({
    name: "outrider_admission_violations_total",
    help: "Violations found, by code and whether they were enforced.",
    type: "counter",
    unit: "1",
    labels: ["code", "mode", "namespace"],
  }),
  duration: metric({
    name: "outrider_admission_duration_seconds",
    help: "Time to answer one AdmissionReview.",
    type: "histogram",
    unit: "s",
    labels: ["path", "outcome"],
  }),
  certificateExpiry: metric({
    name: "outrider_admission_certificate_expiry_seconds",
    help: "Seconds until the webhook's serving certificate ends.",
    type: "gauge",
    unit: "s",
    labels: [],
  }),
} as const;
