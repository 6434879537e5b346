import type { Command } from "commander";
import type { ClusterObjects } from "../core/cluster/objects.ts";
import { readFolder } from "../core/cluster/read-folder.ts";
import { judgeConnection } from "../core/policy/network/network-policy.ts";
import type { CompiledPolicy, Snapshot } from "../core/policy/snapshot.ts";
import { compile } from "../mesh/snapshots/compile.ts";
import type { MeshPod } from "../mesh/snapshots/workloads.ts";
import { renderExplanation } from "./explain-render.ts";
import { findTarget, portOn, withExamplePods } from "./explain-targets.ts";

/** The answer of one place a connection passes. */
export interface Tier {
  /** "egress of shop/batch-1", "mutual TLS at shop/payments-1", "ingress of shop/payments-1". */
  readonly name: string;
  readonly allowed: boolean;
  readonly rule: string;
  /** "manifests/policy.yaml:12" for each object that decided; empty where none did. */
  readonly sources: readonly string[];
  readonly message: string;
  /** Empty when allowed. */
  readonly fix: string;
}

export interface Explanation {
  readonly allowed: boolean;
  /** The pods judged: of several that a name stands for, the first pair that is refused, else the first. */
  readonly from: string;
  readonly to: string;
  /** On the destination pod, never the Service's. */
  readonly port: number;
  readonly pairs: { readonly judged: number; readonly refused: number };
  readonly tiers: readonly Tier[];
}

export interface ExplainQuestion {
  readonly folder: string;
  /** "shop/web": a Service, pod, Deployment or app label; the namespace may be left out where the name is unique. */
  readonly from: string;
  /** The same, perhaps with ":port" by number or name. */
  readonly to: string;
}

/** The ids inside the answer do not depend on it. */
const ANY_TRUST_DOMAIN = "cluster.local";

/**
 * What the sidecars of two workloads say to a connection: the same compile and the same evaluator.
 *
 * @throws {CodedError} CLI_NO_SUCH_WORKLOAD, CLI_AMBIGUOUS, CLI_NO_SUCH_PORT, CLUSTER_FOLDER, CONFIG_INVALID
 */
export async function explainConnection({ folder, from, to }: ExplainQuestion): Promise<Explanation> {
  const objects = withExamplePods(readFolder(folder));
  const snapshots = compile(objects, { trustDomain: ANY_TRUST_DOMAIN, mtls: "strict" });
  const [toName, toPort] = splitPort(to);
  const source = findTarget(from, objects, ANY_TRUST_DOMAIN);
  const target = findTarget(toName, objects, ANY_TRUST_DOMAIN);
  const pairs = source.pods.flatMap((caller) =>
    target.pods.map((callee) => judgePair(caller, callee, portOn(callee, toPort, target), snapshots, objects)),
  );
  const refused = pairs.filter((pair) => !pair.allowed);
  const shown = refused[0] ?? pairs[0];
  if (shown === undefined) throw new Error("a target without pods");
  return { ...shown, pairs: { judged: pairs.length, refused: refused.length } };
}

function splitPort(text: string): [name: string, port: string | undefined] {
  const colon = text.lastIndexOf(":");
  return colon === -1 ? [text, undefined] : [text.slice(0, colon), text.slice(colon + 1)];
}

function judgePair(
  caller: MeshPod,
  callee: MeshPod,
  port: number,
  snapshots: ReadonlyMap<string, Snapshot>,
  objects: ClusterObjects,
): Omit<Explanation, "pairs"> {
  const ask = (at: MeshPod, direction: "egress" | "ingress", peer: MeshPod, byUid: boolean): Tier => {
    const who = { ip: peer.ip, ...(byUid ? { podUid: peer.uid } : {}) };
    return policyTier(at, direction, snapshots.get(at.uid)?.[direction], who, port, objects);
  };
  const tiers = [
    ask(caller, "egress", callee, true),
    ...tlsTier(caller, callee, snapshots.get(callee.uid)),
    ask(callee, "ingress", caller, caller.meshed),
  ];
  return { allowed: tiers.every((tier) => tier.allowed), from: titleOf(caller), to: titleOf(callee), port, tiers };
}

const titleOf = ({ namespace, name }: MeshPod): string => `${namespace}/${name}`;

function policyTier(
  at: MeshPod,
  direction: "egress" | "ingress",
  policy: CompiledPolicy | undefined,
  peer: { readonly ip: string; readonly podUid?: string },
  port: number,
  objects: ClusterObjects,
): Tier {
  const name = `${direction} of ${titleOf(at)}`;
  const passed = { name, allowed: true, message: "", fix: "" };
  if (policy === undefined) return { ...passed, rule: "not meshed: no sidecar enforces here", sources: [] };
  const verdict = judgeConnection(policy, peer, { protocol: "TCP", number: port });
  if (verdict.allowed) return { ...passed, rule: verdict.rule, sources: verdict.source === "" ? [] : [verdict.source] };
  const { rule, message, fix } = verdict;
  return { name, allowed: false, rule, message, fix, sources: sourcesOf(policy.isolatedBy, objects) };
}

function sourcesOf(titles: readonly string[], { networkPolicies }: ClusterObjects): string[] {
  const at = ({ metadata }: { metadata: { namespace: string; name: string } }) =>
    `NetworkPolicy ${metadata.namespace}/${metadata.name}`;
  return networkPolicies.filter((policy) => titles.includes(at(policy))).map((policy) => policy.source);
}

/** A strict workload refuses callers without a sidecar before any policy is asked. */
function tlsTier(caller: MeshPod, callee: MeshPod, snapshot: Snapshot | undefined): Tier[] {
  if (caller.meshed || snapshot?.mtls !== "strict") return [];
  return [
    {
      name: `mutual TLS at ${titleOf(callee)}`,
      allowed: false,
      rule: "strict mutual TLS",
      sources: [],
      message: `${titleOf(caller)} has no sidecar, so it calls in plain text`,
      fix: "inject a sidecar into the caller, or annotate the namespace with outrider.dev/mtls: permissive",
    },
  ];
}

export function registerExplain(program: Command): void {
  program
    .command("explain")
    .description("why a connection between two workloads is allowed or refused, tier by tier")
    .argument("<source>", "namespace/name of a pod, Deployment, app label or Service")
    .argument("<destination>", "the same, perhaps with :port")
    .argument("[method]", "HTTP method")
    .argument("[path]", "HTTP path")
    .requiredOption("--cluster <folder>", "folder of Kubernetes manifests")
    .option("--json", "print the facts as JSON")
    .action(runExplain);
}

interface ExplainFlags {
  readonly cluster: string;
  readonly json?: boolean;
}

/** Exit code 0 when allowed, 1 when refused; bad input throws and becomes 2. */
async function runExplain(
  from: string,
  to: string,
  method: string | undefined,
  path: string | undefined,
  flags: ExplainFlags,
) {
  const explanation = await explainConnection({ folder: flags.cluster, from, to });
  const request = method === undefined ? undefined : `${method.toUpperCase()} ${path ?? "/"}`;
  process.stdout.write(flags.json ? `${JSON.stringify(explanation)}\n` : renderExplanation(explanation, request));
  process.exitCode = explanation.allowed ? 0 : 1;
}
