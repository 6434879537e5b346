import type { Explanation, Tier } from "./explain.ts";

/** Verdict first, then each tier in the order a connection meets them, with its rule, its place and the fix. */
export function renderExplanation(explanation: Explanation, request: string | undefined): string {
  const { allowed, from, to, port, pairs, tiers } = explanation;
  const several = pairs.judged > 1 ? `  (${pairs.judged - pairs.refused} of ${pairs.judged} pod pairs pass)` : "";
  const width = Math.max(...tiers.map((tier) => tier.name.length));
  const http =
    request === undefined || !allowed ? "" : `  allow  ${request}: no authorization policy judges methods and paths\n`;
  return `${allowed ? "allowed" : "refused"}  ${from} → ${to} port ${port}${several}\n\n${tiers.map((tier) => renderTier(tier, width)).join("")}${http}`;
}

function renderTier(tier: Tier, width: number): string {
  const at = tier.sources.length === 0 ? "" : `  ${tier.sources.join(", ")}`;
  const head = `  ${tier.allowed ? "allow" : "deny "}  ${tier.name.padEnd(width)}  ${tier.rule}${at}\n`;
  const indent = " ".repeat(width + 11);
  return tier.allowed ? head : `${head}${indent}${tier.message}\n${indent}fix: ${tier.fix}\n`;
}
