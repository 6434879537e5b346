import type { IncomingMessage, ServerResponse } from "node:http";
import { CodedError } from "../../core/base/errors.ts";
import type { Log } from "../../core/base/log.ts";
import { encodeAnswer, encodeStatus, type OtlpEncoding, type OtlpSignal } from "../../core/wire/otlp/otlp.ts";
import type { TelemetryRequest } from "../pipeline.ts";
import { readBody } from "./body.ts";
import { type Intake, memoryPressure } from "./intake.ts";
import type { Balance, Tally } from "./tally.ts";
import { rejectedCount } from "./tally.ts";

const SIGNALS: ReadonlyMap<string, OtlpSignal> = new Map([
  ["/v1/traces", "traces"],
  ["/v1/metrics", "metrics"],
  ["/v1/logs", "logs"],
]);
const ENCODINGS: ReadonlyMap<string, OtlpEncoding> = new Map([
  ["application/x-protobuf", "protobuf"],
  ["application/json", "json"],
]);
const CONTENT_TYPE = { protobuf: "application/x-protobuf", json: "application/json" } as const;

/** Seconds a sender should wait when the collector is short of memory or disk. */
export const RETRY_AFTER_SECONDS = 5;

export interface ReceiverDeps {
  /** Takes one request in: logged, then applied. @throws {CodedError} when nothing of it was applied */
  accept(request: TelemetryRequest): Promise<Tally>;
  /** True while there is no memory for more. */
  isUnderPressure(): boolean;
  readonly balance: Balance;
  readonly intake: Intake;
  readonly log: Log;
}

/** OTLP/HTTP. Only 503 is answered for what is worth sending again. @see https://opentelemetry.io/docs/specs/otlp/#otlphttp */
export async function receive(request: IncomingMessage, response: ServerResponse, deps: ReceiverDeps): Promise<void> {
  const signal = SIGNALS.get((request.url ?? "").split("?")[0] ?? "");
  const encoding = ENCODINGS.get((request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "");
  if (signal === undefined)
    return refuse(response, 404, "json", "no such path; POST /v1/traces, /v1/metrics or /v1/logs");
  if (request.method !== "POST") return refuse(response, 405, encoding ?? "json", "only POST is accepted");
  if (encoding === undefined) {
    const found = request.headers["content-type"] ?? "nothing";
    return refuse(
      response,
      415,
      "json",
      `expected content-type application/x-protobuf or application/json, found ${found}`,
    );
  }
  const hold = deps.intake.hold();
  try {
    if (deps.isUnderPressure()) throw memoryPressure("the heap is nearly full");
    const tally = await deps.accept({ signal, encoding, body: await readBody(request, hold) });
    deps.balance.add(tally);
    succeed(response, tally, encoding);
  } catch (thrown) {
    const [status, reason] = statusOf(thrown);
    if (status === 500) deps.log.error({ err: thrown, signal }, "telemetry request failed");
    deps.balance.add({ signal, accepted: 0, rejected: { [reason]: 1 } });
    refuse(response, status, encoding, thrown instanceof CodedError ? thrown.message : "internal error");
  } finally {
    hold.release();
  }
}

/** HTTP status and the reason a rejected request is counted under. An unreadable request counts as one item. */
const STATUS: Readonly<Record<string, readonly [status: number, reason: string]>> = {
  WIRE_PROTOBUF: [400, "malformed"],
  OTLP_JSON: [400, "malformed"],
  COLLECTOR_BODY_BROKEN: [400, "malformed"],
  OTLP_TOO_LARGE: [413, "too_large"],
  COLLECTOR_BODY_TOO_LARGE: [413, "too_large"],
  COLLECTOR_MEMORY_PRESSURE: [503, "memory_pressure"],
  DISK_FULL: [503, "disk_full"],
  FILE_NOT_USABLE: [503, "disk_not_usable"],
};

function statusOf(thrown: unknown): readonly [status: number, reason: string] {
  return (thrown instanceof CodedError ? STATUS[thrown.code] : undefined) ?? [500, "internal"];
}

function succeed(response: ServerResponse, tally: Tally, encoding: OtlpEncoding): void {
  const why = Object.entries(tally.rejected).map(([reason, count]) => `${count} ${reason}`);
  send(response, 200, encoding, encodeAnswer(tally.signal, encoding, rejectedCount(tally), why.join(", ")));
}

function refuse(response: ServerResponse, status: number, encoding: OtlpEncoding, message: string): void {
  if (status === 503) response.setHeader("retry-after", RETRY_AFTER_SECONDS);
  if (status === 413 || status === 503) response.setHeader("connection", "close");
  send(response, status, encoding, encodeStatus(status, encoding, message));
}

function send(response: ServerResponse, status: number, encoding: OtlpEncoding, body: Uint8Array): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, { "content-type": CONTENT_TYPE[encoding], "content-length": body.length });
  response.end(body);
}
