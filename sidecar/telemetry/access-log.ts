import { SECOND_MS } from "../../core/base/clock.ts";
import type { Log } from "../../core/base/log.ts";
import { ACCESS_LOG_BYTES_PER_SECOND } from "../limits.ts";
import type { Observed, Outcome } from "./telemetry.ts";

/** One line per request or refusal, at most ACCESS_LOG_BYTES_PER_SECOND: an error storm must not fill a disk. */
export class AccessLog {
  readonly #log: Log;
  readonly #which: "refused" | "all" | "none";
  #windowMs = 0;
  #bytes = 0;
  #suppressed = 0;

  constructor(log: Log, which: "refused" | "all" | "none") {
    this.#log = log;
    this.#which = which;
  }

  request({ direction, method, path, peer, trace, startedMs }: Observed, outcome: Outcome, error?: Error): void {
    const refused = outcome.code !== undefined;
    if (this.#which === "none" || (this.#which === "refused" && !refused)) return;
    const durationMs = Math.round((performance.now() - startedMs) * 1000) / 1000;
    const reason = error === undefined ? {} : { reason: error.message };
    this.write({ direction, method, path, peer, traceId: trace.traceId, durationMs, ...outcome, ...reason });
  }

  write(fields: Readonly<Record<string, unknown>>): void {
    if (this.#which === "none") return;
    const now = performance.now();
    if (now - this.#windowMs >= SECOND_MS) this.#newWindow(now);
    this.#bytes += JSON.stringify(fields).length;
    if (this.#bytes > ACCESS_LOG_BYTES_PER_SECOND) this.#suppressed++;
    else this.#log.info(fields, "code" in fields ? "refused" : "request");
  }

  #newWindow(now: number): void {
    if (this.#suppressed > 0) this.#log.warn({ lines: this.#suppressed }, "access log suppressed");
    this.#windowMs = now;
    this.#bytes = 0;
    this.#suppressed = 0;
  }
}
