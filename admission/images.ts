import type { Closable } from "../core/base/lifecycle.ts";
import { collectImageEvidence, type EvidenceDeps } from "../core/images/evidence.ts";
import { createEvidenceCache } from "../core/images/evidence-cache.ts";
import { createRegistryClient } from "../core/images/registry-client.ts";
import type { EvidenceSource } from "./evidence.ts";

export interface ImageSourceOptions {
  readonly registries: readonly { readonly host: string; readonly plainHttp: boolean }[];
  /** The scan store's newest result of a digest. */
  readonly ownScan?: NonNullable<EvidenceDeps["ownScan"]>;
  readonly wantScan?: NonNullable<EvidenceSource["wantScan"]>;
}

/** Evidence from registries, cached by digest. */
export function createImageSource({ registries, ownScan, wantScan }: ImageSourceOptions): EvidenceSource & Closable {
  const registry = createRegistryClient({ registries });
  const deps: EvidenceDeps = { registry, cache: createEvidenceCache(), ...(ownScan === undefined ? {} : { ownScan }) };
  return {
    collect: (image, authorities, signal) => collectImageEvidence(image, authorities, deps, signal),
    ...(wantScan === undefined ? {} : { wantScan }),
    close: () => registry.close(),
  };
}
