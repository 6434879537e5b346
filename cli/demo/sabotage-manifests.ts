import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "./layout.ts";
import type { Broken } from "./sabotage.ts";

const DENY_CHECKOUT = `
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: checkout, namespace: shop }
spec:
  podSelector: { matchLabels: { app: checkout } }
  policyTypes: [Ingress]
`;

/** Breaks the run's own copy of the manifests, as somebody who edits the wrong file would. */
export function applyToManifests(layout: Layout, broken: Broken): void {
  const policies = join(layout.manifests, "network-policy.yaml");
  if (broken.has("drop-policy")) edit(policies, withoutPaymentsPolicy);
  if (broken.has("cut-route")) edit(policies, (text) => `${onlyPaymentsPolicy(text)}${DENY_CHECKOUT}`);
  if (!broken.has("rename-account")) return;
  const renamed = "serviceAccountName: other";
  edit(join(layout.manifests, "checkout.yaml"), (text) => text.replaceAll("serviceAccountName: worker", renamed));
}

/** The documents of the file without the NetworkPolicy that guards payments. */
export function withoutPaymentsPolicy(text: string): string {
  return text.slice(text.indexOf("---") + "---".length);
}

function onlyPaymentsPolicy(text: string): string {
  return text.slice(0, text.indexOf("---"));
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, "utf8")));
}
