import { dirname, resolve } from "node:path";
import { z } from "zod";
import { readConfig } from "../core/base/config.ts";
import { durationField } from "../core/base/duration.ts";
import { hostPortField } from "../core/base/host-port.ts";
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
  collector: z.strictObject({ url: httpUrl, interval: durationField.default(1000) }).optional(),
  tracing: z.strictObject({ sampleRatio: z.number().min(0).max(1).default(0.01) }).default({ sampleRatio: 0.01 }),
  accessLog: z.enum(["refused", "all", "none"]).default("refused"),
  drainDeadline: durationField.default(DRAIN_DEFAULT_MS),
});

export type SidecarConfig = z.output<typeof sidecarConfigSchema>;

/** Reads the file; relative paths in it become absolute. @throws {CodedError} CONFIG_INVALID, CONFIG_UNREADABLE */
export function readSidecarConfig(file: string): SidecarConfig {
  const config = readConfig<SidecarConfig>(sidecarConfigSchema as z.ZodType<SidecarConfig>, file);
  const here = (path: string): string => resolve(dirname(file), path);
  return { ...config, stateDir: here(config.stateDir), identity: absolute(config.identity, here) };
}

function absolute(source: SidecarConfig["identity"], here: (path: string) => string): SidecarConfig["identity"] {
  if ("files" in source) {
    const { certificate, key, bundle } = source.files;
    return { files: { certificate: here(certificate), key: here(key), bundle: here(bundle) } };
  }
  return { ...source, bundleFile: here(source.bundleFile), tokenFile: here(source.tokenFile) };
}
