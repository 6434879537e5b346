import type { EvidenceCache } from "../../../../core/images/evidence-cache.ts";
import type { ImageFacts } from "../../../../core/images/facts/image-facts.ts";
import { failure } from "../../../../core/images/registry/answer.ts";
import type { Digest, ScanResult, Signature, Verified } from "../../../../core/policy/evidence.ts";

const DIGEST: Digest = `sha256:${"a".repeat(64)}`;

export function signature(signer = "acme-release", more: Partial<Signature> = {}): Verified<Signature> {
  return { signer, role: "release", form: "cosign-simple", digest: DIGEST, ...more } as Verified<Signature>;
}

export function scan(findings: ScanResult["findings"] = [], finishedAtMs = 0): Verified<ScanResult> {
  return { digest: DIGEST, source: "attestation by acme-scanner", finishedAtMs, findings } as Verified<ScanResult>;
}

/** Everything an authority could say of an image, said. */
export function facts(more: Partial<ImageFacts> = {}): ImageFacts {
  return { signatures: [signature()], attestations: [], scans: [], refusals: [], lacking: [], failures: [], ...more };
}

export const NOTHING: ImageFacts = facts({ signatures: [], lacking: ["release"] });

/** Asks a cache as the collector does, with as long as it takes. */
export function ask(
  cache: EvidenceCache,
  key: string,
  gather: () => Promise<ImageFacts>,
  signal = AbortSignal.timeout(10_000),
): Promise<ImageFacts> {
  return cache.get(key, gather, signal, () => failure("REGISTRY_TIMEOUT", "registry.test: is slow"));
}
