import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { explainConnection } from "../../explain.ts";
import { renderExplanation } from "../../explain-render.ts";
import type { CallTally } from "../app.ts";
import { NAMESPACE, POD_PORT, WORKLOADS, type WorkloadName } from "../layout.ts";
import { withoutPaymentsPolicy } from "../sabotage-manifests.ts";
import type { Stage } from "../stage.ts";
import type { Finding } from "../verdicts.ts";

const TARGETS = ["web", "checkout", "payments"] as const satisfies readonly WorkloadName[];

/** Every ordered pair of workloads: what the proxy did, and what `outrider explain` says it would do. */
export async function explainPairs(stage: Stage): Promise<Finding> {
  const folder = stage.broken.has("blind-explain") ? blindFolder(stage) : stage.layout.manifests;
  const pairs = WORKLOADS.flatMap((from) => TARGETS.filter((to) => to !== from).map((to) => ({ from, to })));
  const differing: string[] = [];
  for (const { from, to } of pairs) {
    const { last } = await stage.call(from, to);
    const did = deed(last, to);
    const said = await explainConnection({
      folder,
      from: `${NAMESPACE}/${from}`,
      to: `${NAMESPACE}/${to}:${POD_PORT.inbound}`,
    });
    const says = said.tiers.find((tier) => !tier.allowed)?.rule ?? "passed";
    if (says !== did) differing.push(`${from}→${to} (${did}, explain: ${says})`);
  }
  const shown = await explainConnection({ folder, from: `${NAMESPACE}/batch`, to: `${NAMESPACE}/payments` });
  stage.transcript.quote(renderExplanation(shown, undefined));
  const got = differing.length === 0 ? `${pairs.length} pairs agree` : `differs: ${differing.join(", ")}`;
  return { ok: differing.length === 0, got };
}

/** What the proxy did: "passed" only when the application itself answered, or the rule that refused. */
function deed(last: CallTally["last"], to: WorkloadName): string {
  const rule = last.headers["x-outrider-denied-by"];
  if (rule !== undefined) return rule;
  return last.body.includes(`"service":"${to}"`) ? "passed" : `status ${last.status}`;
}

/** A copy of the manifests without the NetworkPolicy that guards payments. */
function blindFolder(stage: Stage): string {
  const folder = join(stage.layout.folder, "blind");
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(stage.layout.manifests)) {
    const text = readFileSync(join(stage.layout.manifests, file), "utf8");
    writeFileSync(join(folder, file), file === "network-policy.yaml" ? withoutPaymentsPolicy(text) : text);
  }
  return folder;
}
