import { dirname, resolve } from "node:path";
import { z } from "zod";
import { configInvalid, parseYamlDocuments, readConfigText, validate } from "../core/base/config.ts";
import { durationField } from "../core/base/duration.ts";
import { hostPortField } from "../core/base/host-port.ts";
import { PROBE_PORT, PROBE_TABLE_LIMIT_CHARS, PROBE_TABLE_VARIABLE, probeTable } from "../core/wire/probe-table.ts";
import { DRAIN_DEFAULT_MS } from "./limits.ts";

const httpUrl = z.url({ protocol: /^https?$/, error: 'expected a URL such as "http://127.0.0.1:4318"' });
const port = z.int().min(1).max(65_535);

const pod = z.strictObject({
  namespace: z.string().min(1),
  name: z.string().min(1),
  uid: z.string().min(1),
  ip: z.union([z.ipv4(), z.ipv6()], 'expected an IP address such as "10.0.3.7"'),
});

const identity = z.union([
  z.strictObject({ url: httpUrl, bundleFile: z.string().min(1), tokenFile: z.string().min(1) }),
  z.strictObject({
    files: z.strictObject({ certificate: z.string().min(1), key: z.string().min(1), bundle: z.string().min(1) }),
  }),
]);

/** The sidecar's configuration file; docs and examples follow this. */
export const sidecarConfigSchema = z.strictObject({
  trustDomain: z.string().min(1),
  pod,
  identity,
  control: z.strictObject({ address: hostPortField }),
  stateDir: z.string().min(1),
  inbound: z.array(z.strictObject({ port, listen: hostPortField, app: hostPortField })).max(64),
  outbound: z.strictObject({ listen: hostPortField }).optional(),
  admin: z.strictObject({ listen: hostPortField }),
  /** Where the kubelet asks, and the application's probes that are made for it. */
  probes: z.strictObject({ listen: hostPortField, app: probeTable.default({}) }).optional(),
  collector: z.strictObject({ url: httpUrl, interval: durationField.default(1000) }).optional(),
  tracing: z.strictObject({ sampleRatio: z.number().min(0).max(1).default(0.01) }).default({ sampleRatio: 0.01 }),
  accessLog: z.enum(["refused", "all", "none"]).default("refused"),
  drainDeadline: durationField.default(DRAIN_DEFAULT_MS),
});

export type SidecarConfig = z.output<typeof sidecarConfigSchema>;

/** The variables that injection sets from the pod itself, and the field each one is. */
const POD_VARIABLES = {
  OUTRIDER_POD_NAMESPACE: "namespace",
  OUTRIDER_POD_NAME: "name",
  OUTRIDER_POD_UID: "uid",
  OUTRIDER_POD_IP: "ip",
} as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the file, and what the environment says of this pod, which wins: pods of a namespace share one file. Relative
 * paths become absolute.
 *
 * @throws {CodedError} CONFIG_INVALID, CONFIG_UNREADABLE
 */
export function readSidecarConfig(file: string, environment: Environment = {}): SidecarConfig {
  const [written, ...more] = parseYamlDocuments(readConfigText(file), file);
  if (more.length > 0)
    throw configInvalid(file, [{ path: "", message: `expected one document, found ${more.length + 1}` }]);
  const value = typeof written === "object" && written !== null ? withPod(written, file, environment) : written;
  const config = validate<SidecarConfig>(sidecarConfigSchema as z.ZodType<SidecarConfig>, value, file);
  const here = (path: string): string => resolve(dirname(file), path);
  return { ...config, stateDir: here(config.stateDir), identity: absolute(config.identity, here) };
}

function withPod(written: object, file: string, environment: Environment): object {
  const { pod, probes } = written as { pod?: object; probes?: object };
  const known = Object.entries(POD_VARIABLES).flatMap(([name, field]) =>
    environment[name] === undefined ? [] : [[field, environment[name]] as const],
  );
  const ofPod = { ...pod, ...Object.fromEntries(known) };
  const table = environment[PROBE_TABLE_VARIABLE];
  return {
    ...written,
    ...(known.length === 0 ? {} : { pod: ofPod }),
    ...(table === undefined ? {} : { probes: { listen: podAddress(ofPod), ...probes, app: readTable(table, file) } }),
  };
}

/** The pod's own address, where the kubelet asks. */
function podAddress({ ip = "" }: { readonly ip?: string }): string {
  return `${ip.includes(":") ? `[${ip}]` : ip}:${PROBE_PORT}`;
}

/** @throws {CodedError} CONFIG_INVALID */
function readTable(text: string, file: string): unknown {
  try {
    if (text.length <= PROBE_TABLE_LIMIT_CHARS) return JSON.parse(text);
  } catch {
    // said below
  }
  const message = `expected JSON of at most ${PROBE_TABLE_LIMIT_CHARS} characters, found ${text.length} of something else`;
  throw configInvalid(file, [{ path: PROBE_TABLE_VARIABLE, message }]);
}

function absolute(source: SidecarConfig["identity"], here: (path: string) => string): SidecarConfig["identity"] {
  if ("files" in source) {
    const { certificate, key, bundle } = source.files;
    return { files: { certificate: here(certificate), key: here(key), bundle: here(bundle) } };
  }
  return { ...source, bundleFile: here(source.bundleFile), tokenFile: here(source.tokenFile) };
}
