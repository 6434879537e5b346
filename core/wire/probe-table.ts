import { z } from "zod";

/** Where the sidecar answers the kubelet: its own probes, and the application's, which it makes on the kubelet's behalf. */
export const PROBE_PORT = 15_021;
/** Ports of sidecars themselves, both ends included: never an application's. */
export const MESH_PORTS = { from: 15_000, to: PROBE_PORT } as const;
/** The application's probes are below this path: `/app-health/web/livez`. */
export const APP_HEALTH = "/app-health/";
/** The environment variable that carries the table into the sidecar. */
export const PROBE_TABLE_VARIABLE = "OUTRIDER_PROBES";

/** Longest table, in characters; Linux takes 128 KiB for one variable (MAX_ARG_STRLEN). */
export const PROBE_TABLE_LIMIT_CHARS = 64 * 1024;
/** Most probes and hooks of one pod. */
export const PROBES_LIMIT = 512;
/** Most headers of one probe, and the longest name, value and path, in characters. */
export const PROBE_HEADERS_LIMIT = 32;
export const PROBE_HEADER_NAME_LIMIT_CHARS = 256;
export const PROBE_HEADER_VALUE_LIMIT_CHARS = 4096;
export const PROBE_PATH_LIMIT_CHARS = 2048;

/** The last part of a probe's path, by the field it stands in. */
export const PROBE_KINDS = { livenessProbe: "livez", readinessProbe: "readyz", startupProbe: "startupz" } as const;
/** The same for a hook. A hook has an effect, so its path ends in a token that only readers of the pod know. */
export const HOOK_KINDS = { postStart: "poststart", preStop: "prestop" } as const;

/** "web/livez", or "web/prestop/" and 32 hex digits. */
const PROBE_KEY =
  /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\/(?:(?:livez|readyz|startupz)|(?:poststart|prestop)\/[0-9a-f]{32})$/;
/** RFC 9110 section 5.6.2 (token) and 5.5 (field value, ASCII). */
const FIELD_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const FIELD_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const PATH = /^[^\p{Cc}]*$/u;

const header = z.object({
  name: z.string().max(PROBE_HEADER_NAME_LIMIT_CHARS).regex(FIELD_NAME, "expected a header name"),
  value: z.string().max(PROBE_HEADER_VALUE_LIMIT_CHARS).regex(FIELD_VALUE, "expected a header value").default(""),
});

const httpGet = z.object({
  path: z.string().max(PROBE_PATH_LIMIT_CHARS).regex(PATH, "expected a path without control characters").default("/"),
  scheme: z.enum(["HTTP", "HTTPS"]).default("HTTP"),
  httpHeaders: z.array(header).max(PROBE_HEADERS_LIMIT).nullish(),
});

const grpc = z.object({ service: z.string().max(PROBE_PATH_LIMIT_CHARS).nullish() });

const port = z
  .int()
  .min(1)
  .max(65_535)
  .refine((number) => !isMeshPort(number), `expected a port outside ${MESH_PORTS.from} to ${MESH_PORTS.to}`);

const target = z
  .object({
    /** The number that the probe's port stands for. */
    port,
    timeoutSeconds: z.int().min(1),
    httpGet: httpGet.optional(),
    tcpSocket: z.object({}).optional(),
    grpc: grpc.optional(),
  })
  .refine(
    (value) => [value.httpGet, value.tcpSocket, value.grpc].filter((handler) => handler !== undefined).length === 1,
    "expected one of httpGet, tcpSocket and grpc",
  );

/** Every probe and hook that the sidecar makes for the kubelet, by the path below `/app-health/`. */
export const probeTable = z
  .record(z.string().regex(PROBE_KEY, 'expected a key such as "web/livez"'), target)
  .refine((entries) => Object.keys(entries).length <= PROBES_LIMIT, `expected at most ${PROBES_LIMIT} probes`);

/** One thing to try in the pod's own network. */
export type ProbeTarget = z.output<typeof target>;

export type ProbeTable = Readonly<Record<string, ProbeTarget>>;

/** Whether a port belongs to sidecars. */
export function isMeshPort(number: number): boolean {
  return number >= MESH_PORTS.from && number <= MESH_PORTS.to;
}

/** Why one entry could not stand in a table; `undefined` when it could. */
export function probeProblem(key: string, entry: unknown): string | undefined {
  const result = probeTable.safeParse({ [key]: entry });
  if (result.success) return undefined;
  const [issue] = result.error.issues;
  return `${issue?.path.slice(1).join(".") ?? ""}: ${issue?.message ?? "not valid"}`;
}

/**
 * The table as it travels: JSON with its keys in order, so that the same probes give the same text. `$` is escaped,
 * because Kubernetes expands `$(NAME)` in a variable's value.
 *
 * @param entries  each as its author wrote the handler, with the resolved port and the time-out beside it
 */
export function formatProbeTable(entries: Readonly<Record<string, object>>): string {
  const ordered = Object.fromEntries(Object.entries(entries).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return JSON.stringify(ordered).replaceAll("$", "\\u0024");
}

/** The entries of a table's text, checked, each as it was written; `undefined` when any of it is not valid. */
export function readProbeEntries(text: string): Readonly<Record<string, object>> | undefined {
  const value = text.length <= PROBE_TABLE_LIMIT_CHARS ? parseJson(text) : undefined;
  return probeTable.safeParse(value).success ? (value as Record<string, object>) : undefined;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
