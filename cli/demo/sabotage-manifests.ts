import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Layout } from "./layout.ts";
import type { Broken } from "./sabotage.ts";

/** A second policy for checkout would add to the first: the one that lets web in must go. */
const CHECKOUT_INGRESS =
  / {2}ingress:\n {4}- from:\n {8}- podSelector: \{ matchLabels: \{ app: web \} \}\n {6}ports: .*\n/;

/** Breaks the run's own copy of the manifests, as somebody who edits the wrong file would. */
export function applyToManifests(layout: Layout, broken: Broken): void {
  const policies = join(layout.manifests, "network-policy.yaml");
  if (broken.has("drop-policy")) edit(policies, withoutPaymentsPolicy);
  if (broken.has("cut-route")) edit(policies, (text) => text.replace(CHECKOUT_INGRESS, ""));
  if (!broken.has("rename-account")) return;
  const renamed = "serviceAccountName: other";
  edit(join(layout.manifests, "checkout.yaml"), (text) => text.replaceAll("serviceAccountName: worker", renamed));
}

/** The documents of the file without the NetworkPolicy that guards payments. */
export function withoutPaymentsPolicy(text: string): string {
  return text.slice(text.indexOf("---") + "---".length);
}

function edit(file: string, change: (text: string) => string): void {
  writeFileSync(file, change(readFileSync(file, "utf8")));
}
