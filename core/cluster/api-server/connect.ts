import type { RequestOptions } from "node:https";
import type { KubeConfig } from "@kubernetes/client-node";
import type { Agent, Dispatcher } from "undici";
import { MINUTE_MS, SECOND_MS } from "../../base/clock.ts";
import { asError, CodedError, messageOf } from "../../base/errors.ts";
import { CLUSTER_ERRORS, type ClusterCode } from "../errors.ts";
import { readJson, readLines, refusalOf } from "./answers.ts";
import type { ApiRequest, ApiServer } from "./api-server.ts";

/** Longest wait for the head of an answer, and for the next byte of one. */
export const ANSWER_TIMEOUT_MS = 10 * SECOND_MS;
/** A watch without a byte for so long is taken for dead; a live one has a bookmark about every minute. */
export const WATCH_SILENCE_MS = 3 * MINUTE_MS;
const CONNECT_TIMEOUT_MS = 5 * SECOND_MS;

/** Which API server, and as whom: a kubeconfig's current context, or the pod's own service account. */
export type ApiServerConfig = { readonly kubeconfig: string } | { readonly inCluster: true };

/**
 * Connects to an API server. Credentials are read again for each request, so that tokens and certificates that were
 * rotated on disk are taken up.
 *
 * The one place that knows @kubernetes/client-node, of which only the reading of credentials is used: it takes 0.6 s
 * and 80 MB to load, so it is loaded late; its own watch swallows broken lines and its informer stops on errors.
 *
 * @throws {CodedError} KUBECONFIG_INVALID
 */
export async function connectApiServer(config: ApiServerConfig): Promise<ApiServer> {
  const [{ Agent: UndiciAgent, request: send }, credentials] = await Promise.all([
    import("undici"),
    readCredentials(config),
  ]);
  let connected: { readonly key: string; readonly agent: Agent } | undefined;
  const agentFor = ({ ca, cert, key, servername, rejectUnauthorized }: RequestOptions): Agent => {
    const tls = { ca, cert, key, servername, rejectUnauthorized };
    const id = JSON.stringify(Object.values(tls).map(String));
    if (connected?.key === id) return connected.agent;
    connected?.agent.close().catch(() => {});
    const given = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
    const agent = new UndiciAgent({ connect: { ...given, timeout: CONNECT_TIMEOUT_MS } });
    connected = { key: id, agent };
    return agent;
  };
  const open = async (request: ApiRequest, silenceMs: number): Promise<Dispatcher.ResponseData> => {
    const { method = "GET", path, body, contentType = "application/json", signal } = request;
    const options: RequestOptions = {};
    await credentials.config.applyToHTTPSOptions(options);
    const response = await send(`${credentials.server}${path}`, {
      method,
      dispatcher: agentFor(options),
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: silenceMs,
      headers: { ...authorizationOf(options), accept: "application/json", "content-type": contentType },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
    if (response.statusCode < 300) return response;
    throw refusalOf(`${method} ${path}`, response.statusCode, await readJson(response.body).catch(() => undefined));
  };
  return {
    ask: (request) =>
      coded(request, async () => (await readJson((await open(request, ANSWER_TIMEOUT_MS)).body)) as never),
    watch: (path, onEvent, signal, opened) =>
      coded({ path }, async () => {
        const { body } = await open({ path, signal }, WATCH_SILENCE_MS);
        opened?.();
        await readLines(body, path, onEvent);
      }),
    close: () => connected?.agent.destroy(),
  };
}

interface Credentials {
  readonly config: KubeConfig;
  /** "https://10.96.0.1:443" */
  readonly server: string;
}

async function readCredentials(from: ApiServerConfig): Promise<Credentials> {
  const { KubeConfig: Config } = await import("@kubernetes/client-node");
  const config = new Config();
  try {
    if ("kubeconfig" in from) config.loadFromFile(from.kubeconfig);
    else config.loadFromCluster();
    const server = config.getCurrentCluster()?.server.replace(/\/+$/, "");
    if (server === undefined || !URL.canParse(server) || server.includes("undefined"))
      throw new Error("it names no server");
    return { config, server };
  } catch (cause) {
    const name = "kubeconfig" in from ? from.kubeconfig : "service account of this pod";
    throw clusterError("KUBECONFIG_INVALID", `${name}: ${messageOf(cause)}`, cause);
  }
}

function authorizationOf({ headers, auth }: RequestOptions): Record<string, string> {
  const given = Object.entries((headers ?? {}) as Record<string, unknown>);
  const bearer = given.find(([name]) => name.toLowerCase() === "authorization")?.[1];
  if (typeof bearer === "string") return { authorization: bearer };
  return typeof auth === "string" ? { authorization: `Basic ${Buffer.from(auth).toString("base64")}` } : {};
}

/** Whatever the network did is one code; what the server said keeps its own. */
async function coded<T>({ method = "GET", path }: ApiRequest, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    const { cause } = asError(thrown);
    const why = cause === undefined ? messageOf(thrown) : `${messageOf(thrown)} (${messageOf(cause)})`;
    throw clusterError("API_SERVER_UNREACHABLE", `API server: ${method} ${path}: ${why}`, thrown);
  }
}

function clusterError(code: ClusterCode, message: string, cause: unknown): CodedError {
  return new CodedError(code, message, CLUSTER_ERRORS[code].fix, { cause });
}
