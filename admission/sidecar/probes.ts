import { isObject, type JsonObject, textOf } from "../../core/policy/pods/pod-spec.ts";
import {
  APP_HEALTH,
  HOOK_KINDS,
  isMeshPort,
  PROBE_KINDS,
  PROBE_PORT,
  probeProblem,
} from "../../core/wire/probe-table.ts";

/** What a probe or hook may do, besides `exec` and `sleep`, which the kubelet needs no connection for. */
const HANDLERS = ["httpGet", "tcpSocket", "grpc"] as const;
/** Any of these beside another makes a handler that no API server takes. */
const EVERY_HANDLER = [...HANDLERS, "exec", "sleep"];
const CONTAINER_NAME = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/;
const HOOK_TOKEN = /\/([0-9a-f]{32})$/;
/** The kubelet's, where a probe names none, in seconds; a hook has no time-out of its own, so it gets the longest. */
const PROBE_TIMEOUT_SECONDS = 1;
export const HOOK_TIMEOUT_SECONDS = 300;

/** A probe table's entries as their authors wrote them, by the path below `/app-health/`. */
export type ProbeEntries = Readonly<Record<string, object>>;

/** One probe or hook of a container. */
interface HandlerAt {
  /** Steps from the container: `["lifecycle", "preStop"]`. */
  readonly steps: readonly string[];
  /** The object that holds the handler beside, for a probe, its timing. */
  readonly owner: JsonObject;
  /** "livez", "prestop" */
  readonly kind: string;
  readonly isHook: boolean;
}

/** One probe or hook that the sidecar makes instead of the kubelet. */
export interface RewrittenProbe {
  readonly steps: readonly string[];
  /** The present object with the kubelet sent to the sidecar. */
  readonly owner: JsonObject;
  /** Whether it differs from what is there. */
  readonly changed: boolean;
  readonly key: string;
  readonly entry: object;
}

/** A probe that cannot be rewritten although the kubelet could have made it. */
export interface ProbeProblem {
  readonly steps: readonly string[];
  readonly found: string;
}

/**
 * Sends the probes of one container to its sidecar: the kubelet has no identity in the mesh, so a port that takes
 * mutual TLS only would refuse it. Timing and thresholds stay as they are; `exec` stays; a handler with a `host` of its
 * own goes where its author sent it; what the kubelet could not make at all is left for it to fail.
 *
 * @param known  the table already on the pod: a probe that was rewritten before is first turned back
 * @param newToken  32 random hex digits, asked for once for each hook that has none
 */
export function rewriteProbes(container: JsonObject, known: ProbeEntries, newToken: () => string) {
  const rewritten: RewrittenProbe[] = [];
  const problems: ProbeProblem[] = [];
  for (const at of handlersOf(container)) {
    const found = rewriteOne(container, at, known, newToken);
    if (found === undefined) continue;
    if ("found" in found) problems.push(found);
    else rewritten.push(found);
  }
  return { rewritten, problems };
}

/** The container as its author wrote it. */
export function restoreProbes(container: JsonObject, known: ProbeEntries): JsonObject {
  return handlersOf(container).reduce(
    (now, { steps, owner }) => setAt(now, steps, originalOf(owner, known)),
    container,
  );
}

/** Probes of a container that the kubelet would make itself, and those sent to a sidecar that does not know them. */
export function directProbes(container: JsonObject, known: ProbeEntries): readonly (readonly string[])[] {
  return rewriteProbes(container, known, () => "0".repeat(32))
    .rewritten.filter(({ changed }) => changed)
    .map(({ steps }) => steps);
}

function rewriteOne(
  container: JsonObject,
  { steps, owner, kind, isHook }: HandlerAt,
  known: ProbeEntries,
  newToken: () => string,
): RewrittenProbe | ProbeProblem | undefined {
  const original = originalOf(owner, known);
  const handler = handlerOf(original, isHook);
  const name = textOf(container["name"]);
  if (handler === undefined || !CONTAINER_NAME.test(name)) return undefined;
  const port = portOf(handler.value["port"], container);
  if (port === undefined) return undefined;
  const timeoutSeconds = isHook ? HOOK_TIMEOUT_SECONDS : (original["timeoutSeconds"] ?? PROBE_TIMEOUT_SECONDS);
  const token = isHook ? `/${HOOK_TOKEN.exec(pathOf(owner) ?? "")?.[1] ?? newToken()}` : "";
  const key = `${name}/${kind}${token}`;
  const entry = { port, timeoutSeconds, [handler.name]: handler.value };
  const problem = isMeshPort(port) ? `port ${port}, which belongs to sidecars` : probeProblem(key, entry);
  if (problem !== undefined) return { steps, found: problem };
  const sent = { path: `${APP_HEALTH}${key}`, port: PROBE_PORT, scheme: "HTTP" };
  const changed = pathOf(owner) !== sent.path;
  return { steps, owner: changed ? withHandler(original, "httpGet", sent) : owner, changed, key, entry };
}

/** The probe or hook as it was before it was sent to the sidecar; the same object when it was not. */
function originalOf(owner: JsonObject, known: ProbeEntries): JsonObject {
  const key = pathOf(owner)?.slice(APP_HEALTH.length);
  const entry = key !== undefined && Object.hasOwn(known, key) ? (known[key] as JsonObject) : undefined;
  const name = HANDLERS.find((handler) => entry?.[handler] !== undefined);
  return entry === undefined || name === undefined ? owner : withHandler(owner, name, entry[name] as JsonObject);
}

/** The path a handler asks its sidecar for; `undefined` when it asks somebody else. */
function pathOf(owner: JsonObject): string | undefined {
  const get = isObject(owner["httpGet"]) ? owner["httpGet"] : {};
  const path = textOf(get["path"]);
  return get["port"] === PROBE_PORT && path.startsWith(APP_HEALTH) ? path : undefined;
}

function withHandler(owner: JsonObject, name: string, value: JsonObject): JsonObject {
  const rest = Object.entries(owner).filter(([key]) => !(HANDLERS as readonly string[]).includes(key));
  return Object.fromEntries([[name, value], ...rest]);
}

/** The one handler that the kubelet would connect with. A hook over a socket is not run at all, so it stays. */
function handlerOf(owner: JsonObject, isHook: boolean): { name: string; value: JsonObject } | undefined {
  const present = EVERY_HANDLER.filter((name) => isObject(owner[name]));
  const name = HANDLERS.find((one) => one === present[0]);
  const value = name === undefined ? undefined : (owner[name] as JsonObject);
  if (name === undefined || value === undefined || present.length > 1) return undefined;
  if (textOf(value["host"]) !== "" || (isHook && name !== "httpGet")) return undefined;
  return { name, value };
}

/** A port by number or by the name one of the container's own ports has, as the kubelet finds it. */
function portOf(port: unknown, container: JsonObject): number | undefined {
  const number = typeof port === "string" ? (namedPort(port, container) ?? decimal(port)) : port;
  return Number.isInteger(number) && Number(number) >= 1 && Number(number) <= 65_535 ? Number(number) : undefined;
}

/** JavaScript would read "0x50" and "1e3", too. */
function decimal(text: string): number | undefined {
  return /^\d{1,5}$/.test(text) ? Number(text) : undefined;
}

function namedPort(name: string, container: JsonObject): unknown {
  const ports = Array.isArray(container["ports"]) ? container["ports"].filter(isObject) : [];
  return ports.find((port) => port["name"] === name)?.["containerPort"];
}

function handlersOf(container: JsonObject): HandlerAt[] {
  const lifecycle = isObject(container["lifecycle"]) ? container["lifecycle"] : {};
  const at = (owner: unknown, steps: readonly string[], kind: string, isHook: boolean): HandlerAt[] =>
    isObject(owner) ? [{ steps, owner, kind, isHook }] : [];
  return [
    ...Object.entries(PROBE_KINDS).flatMap(([field, kind]) => at(container[field], [field], kind, false)),
    ...Object.entries(HOOK_KINDS).flatMap(([field, kind]) => at(lifecycle[field], ["lifecycle", field], kind, true)),
  ];
}

function setAt(object: JsonObject, [step, ...rest]: readonly string[], value: JsonObject): JsonObject {
  if (step === undefined) return value;
  const inner = isObject(object[step]) ? object[step] : {};
  const next = setAt(inner, rest, value);
  return next === inner ? object : { ...object, [step]: next };
}
