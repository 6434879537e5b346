import { once } from "node:events";
import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import { isIPv6 } from "node:net";
import type { HostPort } from "../../core/base/host-port.ts";
import { ProtobufReader } from "../../core/wire/protobuf.ts";
import { ProtobufWriter } from "../../core/wire/protobuf-writer.ts";
import { PROBE_ANSWER_LIMIT_BYTES, PROBE_HEAD_LIMIT_BYTES } from "../limits.ts";
import { PASSED, type Probed } from "./probed.ts";

/** @see https://github.com/grpc/grpc-proto/blob/master/grpc/health/v1/health.proto */
const CHECK = "/grpc.health.v1.Health/Check";
const STATUS = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
const GRPC_OK = "0";
/** Compressed flag and length before each message. @see https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md */
const PREFIX_BYTES = 5;

/** Asks the standard health service, in plain text as the kubelet does. @throws the system's error, or the signal's */
export async function probeGrpc(service: string, { host, port }: HostPort, signal: AbortSignal): Promise<Probed> {
  signal.throwIfAborted();
  const session = connect(`http://${isIPv6(host) ? `[${host}]` : host}:${port}`, {
    settings: { enablePush: false, maxHeaderListSize: PROBE_HEAD_LIMIT_BYTES },
  });
  const abort = (): void => session.destroy();
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await check(session, service, signal);
  } finally {
    signal.removeEventListener("abort", abort);
    session.on("error", () => {}).destroy();
  }
}

async function check(session: ClientHttp2Session, service: string, signal: AbortSignal): Promise<Probed> {
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: CHECK,
    "content-type": "application/grpc",
    "user-agent": "kube-probe/outrider",
    te: "trailers",
  });
  const failed = Promise.withResolvers<never>();
  for (const emitter of [session, stream]) emitter.on("error", failed.reject);
  stream.end(frame(requestFor(service)));
  return Promise.race([failed.promise, readAnswer(stream, signal)]);
}

async function readAnswer(stream: ClientHttp2Stream, signal: AbortSignal): Promise<Probed> {
  let grpcStatus: unknown;
  stream.on("trailers", (trailers) => {
    grpcStatus = trailers["grpc-status"];
  });
  const [head] = (await once(stream, "response", { signal })) as [Record<string, unknown>];
  const body = await readMessage(stream);
  grpcStatus ??= head["grpc-status"];
  if (grpcStatus !== GRPC_OK) return { status: 503, text: `grpc-status ${short(grpcStatus)}`, answered: true };
  const status = STATUS[servingStatus(body)] ?? "UNKNOWN";
  return status === "SERVING" ? PASSED : { status: 503, text: `health ${status}`, answered: true };
}

async function readMessage(stream: ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > PROBE_ANSWER_LIMIT_BYTES) throw new Error("the answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** HealthCheckRequest: the service's name is field 1. */
function requestFor(service: string): Uint8Array {
  const writer = new ProtobufWriter();
  if (service !== "") writer.string(1, service);
  return writer.finish();
}

function frame(message: Uint8Array): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

/** HealthCheckResponse: the status is field 1; 0 (UNKNOWN) when it is not said. @throws {CodedError} WIRE_PROTOBUF */
function servingStatus(body: Buffer): number {
  const isWhole = body.length >= PREFIX_BYTES && body[0] === 0 && body.readUInt32BE(1) === body.length - PREFIX_BYTES;
  if (!isWhole) throw new Error("not one uncompressed message");
  const reader = new ProtobufReader(body.subarray(PREFIX_BYTES));
  let status = 0;
  while (reader.next()) {
    if (reader.field === 1) status = reader.varint();
    else reader.skip();
  }
  return status;
}

function short(value: unknown): string {
  return /^\d{1,3}$/.exec(String(value))?.[0] ?? "missing";
}
