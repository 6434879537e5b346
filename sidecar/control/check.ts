import { createHash } from "node:crypto";
import { z } from "zod";
import { SNAPSHOT_API_VERSION, type Snapshot } from "../../core/policy/snapshot.ts";
import { SidecarError } from "../errors.ts";

const text = z.string();
const port = z.int().min(0).max(65_535);
const portRange = z.looseObject({
  protocol: z.enum(["TCP", "UDP", "SCTP"]),
  from: port,
  to: port,
  podUids: z.array(text).optional(),
});
const rulePeers = z.looseObject({
  podUids: z.array(text),
  cidrs: z.array(z.looseObject({ cidr: text, except: z.array(text) })),
});
const policy = z.looseObject({
  isolated: z.boolean(),
  isolatedBy: z.array(text),
  rules: z.array(
    z.looseObject({ name: text, source: text, peers: rulePeers.optional(), ports: z.array(portRange).optional() }),
  ),
});
const endpoint = z.looseObject({ ip: text, port, podUid: text, spiffeId: text });
const service = z.looseObject({
  namespace: text,
  name: text,
  port,
  protocol: z.enum(["http", "tcp"]),
  hosts: z.array(text),
  endpoints: z.array(endpoint),
});

/** What the data path relies on; fields it does not know are kept and ignored. */
const snapshotSchema = z.looseObject({
  apiVersion: z.literal(SNAPSHOT_API_VERSION),
  version: text,
  workload: z.looseObject({ namespace: text, pod: text, podUid: text, spiffeId: text, service: text }),
  mtls: z.enum(["strict", "permissive"]),
  ingress: policy,
  egress: policy,
  outbound: z.array(service),
  peers: z.record(text, z.looseObject({ namespace: text, pod: text, spiffeId: text, ip: text, service: text })),
});

/**
 * A snapshot that may come into force: our version, our pod, and content that hashes to its `version`.
 *
 * @throws {SidecarError} CONTROL_SNAPSHOT_INVALID saying which
 */
export function checkSnapshot(value: unknown, podUid: string): Snapshot {
  const parsed = snapshotSchema.safeParse(value);
  if (!parsed.success) throw invalid(firstProblem(parsed.error));
  const snapshot = value as Snapshot;
  if (snapshot.workload.podUid !== podUid) throw invalid(`is for pod ${snapshot.workload.podUid}, this is ${podUid}`);
  const hash = versionOf(snapshot);
  if (hash !== snapshot.version) throw invalid(`version ${snapshot.version}, its content hashes to ${hash}`);
  return snapshot;
}

/** SHA-256 (hex) of the canonical JSON of every field but `version`. */
export function versionOf({ version: _, ...content }: Snapshot): string {
  return createHash("sha256").update(canonicalJson(content)).digest("hex");
}

/**
 * Keys of every object in code-unit order, no spaces. Written member by member: an object made of sorted entries
 * lists keys such as "9" and "10" as numbers again. @see RFC 8785
 */
function canonicalJson(value: unknown): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item)).join(",")}]`;
  const present = Object.entries(value).filter(([, member]) => member !== undefined);
  const members = present.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join(",")}}`;
}

function firstProblem({ issues }: z.ZodError): string {
  const [issue] = issues;
  return issue === undefined ? "malformed" : `${issue.path.join(".")}: ${issue.message}`;
}

function invalid(why: string): SidecarError {
  return new SidecarError("CONTROL_SNAPSHOT_INVALID", `snapshot: ${why}`);
}
