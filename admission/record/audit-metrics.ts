import type { Registry } from "prom-client";
import type { Log } from "../../core/base/log.ts";
import { ADMISSION_METRICS } from "../metrics.ts";
import { counter, gauge } from "./evidence-metrics.ts";
import type { LogNews, LogStatus } from "./log-options.ts";

/** Adds the numbers of the decision log to what is scraped; they are read at each scrape. */
export function addAuditMetrics(registry: Registry, read: () => LogStatus): void {
  counter(registry, ADMISSION_METRICS.decisionRecords, "result", () => {
    const { written, lost } = read();
    return { written, lost };
  });
  gauge(registry, ADMISSION_METRICS.decisionSequence, undefined, () => ({ all: read().seq }));
}

/**
 * Why the gate is not ready for the log's sake. One that goes on answering stays ready: taken out of service, it could
 * not answer.
 */
export function auditProblems({ failure }: LogStatus, whenUnwritable: "answer" | "refuse"): string[] {
  return failure === undefined || whenUnwritable === "answer" ? [] : [`decision log: ${failure.message}`];
}

/** Says what people should know of the log, once each: where it was anchored, that it cannot be written, that it can. */
export function tellOf(log: Log): (news: LogNews) => void {
  return (news) => {
    if (news.kind === "failing") log.error({ err: news.failure }, "decisions are not recorded");
    else if (news.kind === "writing") log.info({}, "decisions are recorded again");
    else log.info({ seq: news.seq, hash: news.hash }, "decision log anchored");
  };
}
