import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import type { Command } from "commander";
import { type Closable, runUntilStopped } from "../../core/base/lifecycle.ts";
import { createLog } from "../../core/base/log.ts";
import { NAMESPACE, POD_PORT } from "./layout.ts";

/** A call of one service through its sidecar, as the control port is asked for it and answers. */
export interface CallPlan {
  readonly service: string;
  readonly method: string;
  readonly path: string;
  readonly count: number;
  readonly concurrency: number;
}

/** What came back: how many answers of each status, and the last answer in full. */
export interface CallTally {
  readonly statuses: Readonly<Record<string, number>>;
  readonly last: { readonly status: number; readonly headers: Readonly<Record<string, string>>; readonly body: string };
}

interface AppOptions {
  readonly name: string;
  readonly ip: string;
  readonly next?: string;
  readonly dropTrace?: boolean;
}

/** Largest request body an app or its control port reads, in bytes. */
const BODY_LIMIT_BYTES = 64 * 1024;

/** One small service of the demo's shop: answers by asking the next one through its sidecar's outbound port. */
export function registerDemoApp(program: Command): void {
  program
    .command("demo-app", { hidden: true })
    .requiredOption("--name <name>")
    .requiredOption("--ip <address>")
    .option("--next <service>")
    .option("--drop-trace")
    .action((options: AppOptions) => runApp(options));
}

function runApp(options: AppOptions): Promise<void> {
  const log = createLog(`app-${options.name}`);
  const state = { failShare: 0, asked: 0 };
  const app = createServer((req, res) => void answer(options, state, req, res));
  const control = createServer((req, res) => void answerControl(options, state, req, res));
  return runUntilStopped(log, async (opened) => {
    opened(await listen(app, options.ip, POD_PORT.app));
    opened(await listen(control, options.ip, POD_PORT.control));
    return { app: `${options.ip}:${POD_PORT.app}` };
  });
}

function listen(server: Server, host: string, port: number): Promise<Closable> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () =>
      resolve({
        close: () =>
          new Promise<void>((done) => {
            server.close(() => done());
            server.closeAllConnections();
          }),
      }),
    );
  });
}

/** Every n-th request fails while a fault is on, so that the share is exact and not a matter of luck. */
async function answer(
  options: AppOptions,
  state: { failShare: number; asked: number },
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  await readBody(req);
  state.asked += 1;
  const fails = Math.floor(state.asked * state.failShare) > Math.floor((state.asked - 1) * state.failShare);
  if (fails) return sendJson(res, 500, { service: options.name, error: "the payment provider is away" });
  if (options.next === undefined)
    return sendJson(res, 200, { service: options.name, peer: req.headers["x-outrider-peer"] });
  const next = await call(
    options,
    { service: options.next, method: req.method ?? "GET", path: req.url ?? "/" },
    traceHeaders(options, req),
  );
  sendJson(res, next.status, { service: options.name, peer: req.headers["x-outrider-peer"], next: parsed(next.body) });
}

/** `/call` sends requests through the sidecar; `/fault?share=0.5` breaks a share of this service's own answers. */
async function answerControl(
  options: AppOptions,
  state: { failShare: number },
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const body = await readBody(req);
  const url = new URL(req.url ?? "/", "http://control");
  if (url.pathname === "/call") return sendJson(res, 200, await callMany(options, JSON.parse(body) as CallPlan));
  if (url.pathname !== "/fault") return sendJson(res, 404, { error: "only /call and /fault" });
  state.failShare = Number(url.searchParams.get("share"));
  sendJson(res, 200, state);
}

async function callMany(options: AppOptions, plan: CallPlan): Promise<CallTally> {
  const statuses: Record<string, number> = {};
  let last: CallTally["last"] = { status: 0, headers: {}, body: "" };
  let sent = 0;
  const worker = async () => {
    while (sent < plan.count) {
      sent += 1;
      last = await call(options, plan, {});
      statuses[last.status] = (statuses[last.status] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: plan.concurrency }, worker));
  return { statuses, last };
}

type Call = Pick<CallPlan, "service" | "method" | "path">;

/** One request to a service by name, through this pod's sidecar. Status 0 means no answer came. */
function call(options: AppOptions, plan: Call, headers: Record<string, string>): Promise<CallTally["last"]> {
  return new Promise((resolve) => {
    const outgoing = request({
      host: options.ip,
      port: POD_PORT.outbound,
      method: plan.method,
      path: plan.path,
      headers: { host: `${plan.service}.${NAMESPACE}`, ...headers },
    });
    outgoing.once("error", (error) => resolve({ status: 0, headers: {}, body: error.message }));
    outgoing.once("response", async (incoming) => {
      const body = await readBody(incoming).catch((error: Error) => error.message);
      const flat = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]);
      resolve({ status: incoming.statusCode ?? 0, headers: Object.fromEntries(flat), body });
    });
    outgoing.end();
  });
}

/** W3C Trace Context is carried by the application from its request to the ones it causes. */
function traceHeaders(options: AppOptions, req: IncomingMessage): Record<string, string> {
  const { traceparent, tracestate } = req.headers;
  if (options.dropTrace === true || typeof traceparent !== "string") return {};
  return typeof tracestate === "string" ? { traceparent, tracestate } : { traceparent };
}

async function readBody(stream: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of stream.setEncoding("utf8")) {
    text += chunk;
    if (text.length > BODY_LIMIT_BYTES) throw new Error("body too large");
  }
  return text;
}

function sendJson(res: ServerResponse, status: number, value: object): void {
  const body = JSON.stringify(value);
  res.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  res.end(body);
}

function parsed(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return body;
  }
}
