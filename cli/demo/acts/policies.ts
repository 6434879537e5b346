import type { Layout } from "../layout.ts";
import { NAMESPACE } from "../layout.ts";
import type { Broken } from "../sabotage.ts";
import type { Signer } from "../signing/signing.ts";

export interface Signers {
  readonly release: Signer;
  readonly scanner: Signer;
}

/** The demo's one ImagePolicy, minus what the run breaks. */
export function demoPolicies(layout: Layout, { release, scanner }: Signers, broken: Broken): readonly object[] {
  const images = [`${layout.registry}/shop/*`, `${layout.registry}/outrider/*`];
  const spec = {
    match: { images, namespaces: [NAMESPACE] },
    mode: "enforce",
    authorities: [authority(release, "release"), authority(scanner, "scanner")],
    ...(broken.has("drop-signature-rule") ? {} : { signatures: { require: "any" } }),
    ...(broken.has("drop-scan-rule") ? {} : { scan: { maxAge: "7d", refuse: ["critical"] } }),
    pinDigests: !broken.has("skip-digest-pin"),
    pods: {
      podSecurity: broken.has("lax-pod-security") ? "privileged" : "baseline",
      rego: broken.has("drop-rego") ? [] : [{ library: "required-labels", parameters: { labels: ["owner"] } }],
      inject: !broken.has("skip-injection"),
    },
  };
  return [{ apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name: "production" }, spec }];
}

const authority = ({ name, publicKeyPem }: Signer, role: "release" | "scanner") => ({ name, role, key: publicKeyPem });
