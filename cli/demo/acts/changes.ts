import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { EventKind } from "../../../core/events/event.ts";
import { ARRIVAL_DEADLINE_MS, until } from "../client.ts";
import { NAMESPACE } from "../layout.ts";
import type { Stage } from "../stage.ts";
import type { Finding } from "../verdicts.ts";
import { overview } from "./overview.ts";

const NOBODY_CALLS_BATCH = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: batch, namespace: ${NAMESPACE} }
spec:
  podSelector: { matchLabels: { app: batch } }
  policyTypes: [Ingress]
`;

const KINDS: readonly EventKind[] = ["decision", "deploy", "policy-change"];

/** A rollout restart of payments and a new NetworkPolicy, as kubectl would write them. */
export function changeCluster({ layout, transcript }: Stage): void {
  const file = join(layout.manifests, "payments.yaml");
  const restarted = `{ annotations: { kubectl.kubernetes.io/restartedAt: "${new Date().toISOString()}" }, labels:`;
  writeFileSync(file, readFileSync(file, "utf8").replace("    metadata: { labels:", `    metadata: ${restarted}`));
  writeFileSync(join(layout.manifests, "batch-policy.yaml"), NOBODY_CALLS_BATCH);
  transcript.say("payments is restarted, and a NetworkPolicy says that nobody calls batch");
}

/** What happened in the gate and in the cluster, in the collector's one list. */
export async function eventsArrive(stage: Stage): Promise<Finding> {
  let seen: Set<string> = new Set();
  const complete = await until(async () => {
    seen = new Set((await overview(stage)).events.map((event) => event.kind));
    return KINDS.every((kind) => seen.has(kind)) ? true : undefined;
  }, ARRIVAL_DEADLINE_MS);
  const missing = KINDS.filter((kind) => !seen.has(kind));
  return { ok: complete === true, got: missing.length === 0 ? KINDS.join(", ") : `without ${missing.join(", ")}` };
}
