import { type Clock, SECOND_MS, systemClock } from "../base/clock.ts";
import { messageOf } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import type { Attributes } from "../wire/otlp/model.ts";
import type { OutriderEvent } from "./event.ts";
import { eventToLogRecord, type JsonLogRecord } from "./otlp-form.ts";

/** Events waiting while the collector is away; the oldest are dropped and counted beyond this. */
export const EVENT_QUEUE_LIMIT = 2048;
/** Most events in one request. */
export const EVENT_BATCH_LIMIT = 256;
/** How long an event waits for company before it is sent, in milliseconds. */
export const EVENT_LINGER_MS = 50;
/** A collector that answers slower than this counts as away, in milliseconds. */
export const EVENT_SEND_DEADLINE_MS = 2 * SECOND_MS;
/** Heartbeat interval when none is given, in milliseconds. */
export const HEARTBEAT_INTERVAL_MS = SECOND_MS;

export interface EventSinkOptions {
  /** The collector: "http://127.0.0.1:4318". Events go to `{url}/v1/logs`. */
  readonly url: string;
  /** Must hold `outrider.component` and `service.instance.id`; `service.name` and `.namespace` when it has them. */
  readonly resource: Attributes;
  readonly log: Log;
  /** Time between heartbeats. */
  readonly intervalMs?: number;
  readonly clock?: Clock;
}

export interface EventSink {
  /** Queues; never throws and never blocks. */
  emit(event: OutriderEvent): void;
  /** Events dropped because the collector was away and the queue full. */
  readonly dropped: number;
  /** Says goodbye and sends what is queued, within EVENT_SEND_DEADLINE_MS. */
  close(): Promise<void>;
}

/**
 * Sends events to the collector as OTLP/HTTP JSON logs, with a heartbeat that tells it this part is alive.
 * A request that failed is sent again with the next one; event ids let the collector count each once.
 */
export function createEventSink(options: EventSinkOptions): EventSink {
  return new HttpEventSink(options);
}

class HttpEventSink implements EventSink {
  dropped = 0;
  readonly #options: EventSinkOptions;
  readonly #clock: Clock;
  readonly #heartbeat: NodeJS.Timeout;
  readonly #idPrefix: string;
  #queue: JsonLogRecord[] = [];
  #lingering: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #sequence = 0;
  #reachable = true;

  constructor(options: EventSinkOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#idPrefix = `${options.resource["service.instance.id"]}/${this.#clock()}`;
    this.#heartbeat = setInterval(() => this.#beat("alive"), options.intervalMs ?? HEARTBEAT_INTERVAL_MS);
    this.#heartbeat.unref();
    this.#beat("alive");
  }

  emit(event: OutriderEvent): void {
    this.#queue.push(eventToLogRecord(event, `${this.#idPrefix}/${this.#sequence++}`));
    const excess = this.#queue.length - EVENT_QUEUE_LIMIT;
    if (excess > 0) {
      this.#queue.splice(0, excess);
      this.dropped += excess;
    }
    this.#lingering ??= setTimeout(() => this.#flush(), EVENT_LINGER_MS).unref();
  }

  async close(): Promise<void> {
    clearInterval(this.#heartbeat);
    await this.#sending;
    this.#beat("stopping");
    while (this.#queue.length > 0) {
      const before = this.#queue.length;
      await this.#flush();
      if (this.#queue.length >= before) return;
    }
  }

  /** A heartbeat replaces an unsent one: an away collector must not find a queue full of them. */
  #beat(outcome: "alive" | "stopping"): void {
    const { resource } = this.#options;
    const from = String(resource["outrider.component"]);
    const subject = `${from} ${resource["service.instance.id"]}`;
    this.#queue = this.#queue.filter((record) => record.body.stringValue !== "alive");
    const lifecycle = { kind: "lifecycle", severity: "info", attributes: {} } as const;
    this.emit({ ...lifecycle, atMs: this.#clock(), from, subject, outcome, message: outcome });
  }

  #flush(): Promise<void> {
    clearTimeout(this.#lingering);
    this.#lingering = undefined;
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
    return this.#sending;
  }

  async #send(): Promise<void> {
    const batch = this.#queue.splice(0, EVENT_BATCH_LIMIT);
    if (batch.length === 0) return;
    try {
      await this.#post(batch);
      this.#noteReachable(true);
      if (this.#queue.length > 0) this.#lingering ??= setTimeout(() => this.#flush(), 0).unref();
    } catch (thrown) {
      this.#queue = [...batch, ...this.#queue];
      this.#noteReachable(false, thrown);
    }
  }

  async #post(records: readonly JsonLogRecord[]): Promise<void> {
    const attributes = Object.entries(this.#options.resource).map(([key, value]) => ({
      key,
      value: { stringValue: String(value) },
    }));
    const scopeLogs = [{ scope: { name: "outrider" }, logRecords: records }];
    const answer = await fetch(new URL("/v1/logs", this.#options.url), {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ resourceLogs: [{ resource: { attributes }, scopeLogs }] }),
      signal: AbortSignal.timeout(EVENT_SEND_DEADLINE_MS),
    });
    await answer.arrayBuffer();
    if (!answer.ok && isRetryable(answer.status)) throw new Error(`collector answered ${answer.status}`);
  }

  #noteReachable(reachable: boolean, thrown?: unknown): void {
    if (reachable === this.#reachable) return;
    this.#reachable = reachable;
    const { url, log } = this.#options;
    if (reachable) log.info({ collector: url }, "collector reachable again");
    else log.warn({ collector: url, reason: messageOf(thrown) }, "collector away; events are queued");
  }
}

/** @see https://opentelemetry.io/docs/specs/otlp/#retryable-response-codes */
function isRetryable(status: number): boolean {
  return status === 429 || status === 502 || status === 503 || status === 504;
}
