import type { IncomingMessage, ServerResponse } from "node:http";
import type { Collector } from "../collector.ts";
import { buildOverview } from "./build-overview.ts";
import { EXPOSITION_TYPE, renderMetrics } from "./exposition.ts";
import type { LiveFeed } from "./live.ts";
import { readPageFile } from "./page-files.ts";

/** The page loads from itself only and is never framed. */
export const PAGE_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Nor is its content guessed at, nor shared with other origins. */
const SECURITY_HEADERS = {
  "content-security-policy": PAGE_POLICY,
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
  "cross-origin-resource-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
} as const;

export interface WebDeps {
  readonly collector: Collector;
  readonly live: LiveFeed;
  readonly clock: () => number;
}

/** The page and the API behind it. Read only: GET and HEAD. */
export async function serveWeb(request: IncomingMessage, response: ServerResponse, deps: WebDeps): Promise<void> {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
  const path = (request.url ?? "/").split("?")[0] ?? "/";
  if (request.method !== "GET" && request.method !== "HEAD") return sendJson(response, 405, { error: "only GET" });
  const route = ROUTES[path];
  if (route !== undefined) return route(response, deps);
  const traceId = /^\/api\/v1\/traces\/([0-9a-f]{32})$/.exec(path)?.[1];
  if (traceId !== undefined) return sendTrace(response, deps, traceId);
  return sendPageFile(response, path);
}

const ROUTES: Readonly<Record<string, (response: ServerResponse, deps: WebDeps) => void>> = {
  "/healthz": (response) => send(response, 200, "text/plain", "ok\n"),
  "/readyz": (response, { collector: { problems } }) => {
    if (problems.length === 0) send(response, 200, "text/plain", "ok\n");
    else send(response, 503, "text/plain; charset=utf-8", `${problems.join("\n")}\n`);
  },
  "/metrics": (response, { collector, clock }) =>
    send(response, 200, EXPOSITION_TYPE, renderMetrics(collector, clock())),
  "/api/v1/overview": (response, { collector, clock }) => {
    sendJson(response, 200, buildOverview(collector.parts, collector.alerts, clock()));
  },
  "/api/v1/live": (response, { live }) => live.add(response),
};

function sendTrace(response: ServerResponse, { collector }: WebDeps, traceId: string): void {
  const trace = collector.parts.traces.get(traceId);
  if (trace === undefined) sendJson(response, 404, { error: `no recent trace ${traceId}` });
  else sendJson(response, 200, trace);
}

async function sendPageFile(response: ServerResponse, path: string): Promise<void> {
  const file = await readPageFile(path);
  if (file !== undefined) return send(response, 200, file.type, file.content);
  if (path !== "/") return sendJson(response, 404, { error: "no such path" });
  return send(response, 200, "text/plain; charset=utf-8", "the page is not built; run: npm run build\n");
}

function sendJson(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, "application/json", JSON.stringify(value));
}

function send(response: ServerResponse, status: number, type: string, body: string | Buffer): void {
  const content = typeof body === "string" ? Buffer.from(body) : body;
  response.writeHead(status, { "content-type": type, "content-length": content.length, "cache-control": "no-store" });
  response.end(content);
}
