import type { ServerResponse } from "node:http";
import type { Overview } from "../overview.ts";

/** Time between two server-sent events, in milliseconds. */
export const LIVE_INTERVAL_MS = 500;
/** Open streams at once; further ones are refused with 503. */
export const LIVE_STREAM_LIMIT = 64;
/** A reader this many bytes behind skips events instead of filling the memory. */
export const LIVE_BACKLOG_BYTES = 2 * 1024 * 1024;

/** `GET /api/v1/live`: the overview as server-sent events. Built once per interval however many read, and not at all when nobody does. */
export class LiveFeed {
  readonly #build: () => Overview;
  readonly #streams = new Set<ServerResponse>();
  readonly #timer: NodeJS.Timeout;

  constructor(build: () => Overview) {
    this.#build = build;
    this.#timer = setInterval(() => this.#publish(), LIVE_INTERVAL_MS);
    this.#timer.unref();
  }

  add(response: ServerResponse): void {
    if (this.#streams.size >= LIVE_STREAM_LIMIT) {
      response.writeHead(503, { "retry-after": "5" }).end();
      return;
    }
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    this.#streams.add(response);
    response.on("close", () => this.#streams.delete(response));
    response.on("error", () => this.#streams.delete(response));
    response.write(eventOf(this.#build()));
  }

  close(): void {
    clearInterval(this.#timer);
    for (const stream of this.#streams) stream.end();
  }

  #publish(): void {
    if (this.#streams.size === 0) return;
    const event = eventOf(this.#build());
    for (const stream of this.#streams) if (stream.writableLength < LIVE_BACKLOG_BYTES) stream.write(event);
  }
}

function eventOf(overview: Overview): string {
  return `data: ${JSON.stringify(overview)}\n\n`;
}
