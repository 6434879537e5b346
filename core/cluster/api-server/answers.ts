import { StringDecoder } from "node:string_decoder";
import { CodedError } from "../../base/errors.ts";
import { CLUSTER_ERRORS, type ClusterCode } from "../errors.ts";
import type { WatchEvent } from "./api-server.ts";

/** Largest answer read: a page of 500 of the largest pods is far below. */
export const ANSWER_LIMIT_BYTES = 64 * 1024 * 1024;
/** Longest line of a watch: etcd keeps no object above 1.5 MiB, and JSON of it is not four times that. */
export const WATCH_LINE_LIMIT_BYTES = 8 * 1024 * 1024;
const MESSAGE_LIMIT = 1000;

/** @throws {CodedError} API_TOO_LARGE; a SyntaxError for what is no JSON */
export async function readJson(body: AsyncIterable<Buffer>): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > ANSWER_LIMIT_BYTES) throw tooLarge("an answer", ANSWER_LIMIT_BYTES);
    chunks.push(chunk);
  }
  return JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

/** One event a line, until the server ends the watch. @throws {CodedError} API_TOO_LARGE, or what an ERROR event says */
export async function readLines(
  body: AsyncIterable<Buffer>,
  path: string,
  onEvent: (event: WatchEvent) => void,
): Promise<void> {
  const decoder = new StringDecoder("utf8");
  let rest = "";
  for await (const chunk of body) {
    const lines = (rest + decoder.write(chunk)).split("\n");
    rest = lines.pop() ?? "";
    if (rest.length > WATCH_LINE_LIMIT_BYTES) throw tooLarge("a line of a watch", WATCH_LINE_LIMIT_BYTES);
    for (const line of lines) if (line !== "") onEvent(readEvent(line, path));
  }
}

function readEvent(line: string, path: string): WatchEvent {
  const event = JSON.parse(line) as { type: string; object: { code?: number } };
  if (event.type === "ERROR") throw refusalOf(`watch of ${path}`, event.object.code ?? 500, event.object);
  return event as unknown as WatchEvent;
}

/** What the API server said no with. @param status  a Status object, when that is what came */
export function refusalOf(what: string, code: number, status: unknown): CodedError {
  const { message, reason } = (status ?? {}) as { message?: unknown; reason?: unknown };
  const said = typeof message === "string" ? message.slice(0, MESSAGE_LIMIT) : `status ${code}`;
  const ours = codeOf(code, reason);
  return new CodedError(ours, `API server: ${what}: ${said}`, CLUSTER_ERRORS[ours].fix);
}

function codeOf(code: number, reason: unknown): ClusterCode {
  if (code === 410 || reason === "Expired") return "API_LIST_EXPIRED";
  if (code === 404) return "API_OBJECT_MISSING";
  if (code === 409) return "API_CONFLICT";
  if (code === 401 || code === 403) return "API_FORBIDDEN";
  return code >= 500 || code === 429 ? "API_SERVER_UNREACHABLE" : "API_REFUSED";
}

export function tooLarge(what: string, limit: number): CodedError {
  return new CodedError("API_TOO_LARGE", `API server: ${what} is over ${limit}`, CLUSTER_ERRORS.API_TOO_LARGE.fix);
}
