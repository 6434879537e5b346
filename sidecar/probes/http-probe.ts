import { once } from "node:events";
import { request as httpRequest, type IncomingMessage, type OutgoingHttpHeaders } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIPv6 } from "node:net";
import { CodedError } from "../../core/base/errors.ts";
import { isMeshPort, type ProbeTarget } from "../../core/wire/probe-table.ts";
import { PROBE_ANSWER_LIMIT_BYTES, PROBE_HEAD_LIMIT_BYTES, PROBE_REDIRECT_LIMIT } from "../limits.ts";
import { type Application, PASSED, type Probed } from "./probed.ts";

type HttpGet = NonNullable<ProbeTarget["httpGet"]>;

const REDIRECTS = [301, 302, 303, 307, 308];
/** Fields that a message's framing decides, never its author. @see Go's net/http, reqWriteExcludeHeader */
const FRAMING = ["content-length", "transfer-encoding", "trailer"];
/** What the kubelet sends where the probe says nothing; a probe that says "" sends none. */
const DEFAULT_FIELDS = { "user-agent": "kube-probe/outrider", accept: "*/*" };

/**
 * GETs the path, as the kubelet does: no certificate is verified, at most 10 KiB of the answer are read, a redirect is
 * followed to the same host only (one to another host counts as success), and never to a port of the mesh.
 *
 * @throws the system's error, the signal's, or what makes the answer unusable
 * @see k8s.io/kubernetes pkg/probe/http
 */
export async function probeHttp(get: HttpGet, port: number, app: Application, signal: AbortSignal): Promise<Probed> {
  const headers = fieldsOf(get);
  const first = firstUrl(get, port, app.host);
  for (let url = first, hops = 0; hops <= PROBE_REDIRECT_LIMIT; hops++) {
    const { status, location } = await ask(url, headers, app, signal);
    const next = REDIRECTS.includes(status) && location !== undefined ? resolve(location, url) : undefined;
    if (next === undefined || next.hostname !== first.hostname) return outcome(status);
    if (URL.canParse(location ?? "")) delete headers["host"]; // an absolute redirect names its own
    url = next;
  }
  return { status: 503, text: `stopped after ${PROBE_REDIRECT_LIMIT} redirects`, answered: true };
}

function firstUrl({ scheme, path }: HttpGet, port: number, host: string): URL {
  const authority = `${isIPv6(host) ? `[${host}]` : host}:${port}`;
  return new URL(`${scheme.toLowerCase()}://${authority}${path.startsWith("/") ? "" : "/"}${path}`);
}

/** @throws {CodedError} on an address that is none, or of another protocol */
function resolve(location: string, from: URL): URL {
  const url = URL.parse(location, from);
  if (url !== null && /^https?:$/.test(url.protocol)) return url;
  throw new CodedError("UPSTREAM_MALFORMED", "a redirect to no address", "correct the application's Location");
}

function outcome(status: number): Probed {
  if (status >= 200 && status < 400) return PASSED;
  return { status: status >= 400 && status < 600 ? status : 502, text: `status ${status}`, answered: true };
}

async function ask(url: URL, headers: OutgoingHttpHeaders, { dial }: Application, signal: AbortSignal) {
  const secure = url.protocol === "https:";
  const port = Number(url.port || (secure ? 443 : 80));
  if (isMeshPort(port)) throw new CodedError("POLICY_DENIED", `port ${port} is the mesh's`, "redirect elsewhere");
  const request = (secure ? httpsRequest : httpRequest)({
    ...dial(port),
    path: `${url.pathname}${url.search}`,
    headers: { host: url.host, connection: "close", ...headers },
    agent: false,
    signal,
    servername: "",
    rejectUnauthorized: false, // as the kubelet: a probe asks whether it answers, not who
    maxHeaderSize: PROBE_HEAD_LIMIT_BYTES,
  });
  request.on("upgrade", (_, socket) => socket.destroy());
  request.on("error", () => {});
  try {
    request.end();
    const [response] = (await once(request, "response", { signal })) as [IncomingMessage];
    await readSome(response);
    const { statusCode: status = 0, headers: fields } = response;
    return { status, ...(fields.location === undefined ? {} : { location: fields.location }) };
  } finally {
    request.destroy();
  }
}

/** The kubelet judges an answer once its body has ended, or has grown to the limit. */
async function readSome(response: IncomingMessage): Promise<void> {
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length >= PROBE_ANSWER_LIMIT_BYTES) return;
  }
}

function fieldsOf({ httpHeaders }: HttpGet): OutgoingHttpHeaders {
  const fields: Record<string, string | string[]> = { ...DEFAULT_FIELDS };
  const seen = new Map<string, string[]>();
  for (const { name, value } of httpHeaders ?? []) {
    const key = name.toLowerCase();
    if (!FRAMING.includes(key)) seen.set(key, [...(seen.get(key) ?? []), value]);
  }
  for (const [key, values] of seen) {
    const dropped = Object.hasOwn(DEFAULT_FIELDS, key) && values[0] === "";
    if (dropped) delete fields[key];
    else fields[key] = key === "host" || values.length === 1 ? (values[0] ?? "") : values;
  }
  return fields;
}
