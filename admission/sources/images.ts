import { systemClock } from "../../core/base/clock.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import { type FactStore, type FactStoreStats, openFactStore } from "../../core/images/cache/fact-store.ts";
import { createTagCache } from "../../core/images/cache/tag-cache.ts";
import { collectImageEvidence, type EvidenceDeps } from "../../core/images/evidence.ts";
import { createEvidenceCache, type EvidenceCacheStats } from "../../core/images/evidence-cache.ts";
import type { TrafficStats } from "../../core/images/registry/traffic/traffic.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import { createVerifierPool, type VerifierStats } from "../../core/images/workers/pool.ts";
import { createInThreadVerifier } from "../../core/images/workers/verifier.ts";
import type { EvidenceSource } from "../evidence.ts";
import type { RegistryAccess } from "../registries/access.ts";

const MIB = 1024 * 1024;

export interface ImageSourceOptions extends RegistryAccess {
  /** Where verified evidence outlives the process; without a folder it does not. */
  readonly stateDir?: string;
  /** In MiB; 0 on disk keeps nothing there. */
  readonly evidenceCache?: { readonly memoryMiB: number; readonly diskMiB: number };
  /** Without it, the calling thread verifies. */
  readonly verify?: { readonly threads: number };
  /** The scan store's newest result of a digest. */
  readonly ownScan?: NonNullable<EvidenceDeps["ownScan"]>;
  readonly wantScan?: NonNullable<EvidenceSource["wantScan"]>;
}

export interface ImageSource extends EvidenceSource, Closable {
  readonly stats: ImageSourceStats;
}

/** Numbers since the start, and now. */
export interface ImageSourceStats {
  readonly cache: EvidenceCacheStats & { readonly bytes: number };
  readonly store: FactStoreStats;
  readonly verifier: VerifierStats;
  readonly registries: TrafficStats;
}

/**
 * Evidence from registries: verified in threads, cached by digest, kept over a restart.
 *
 * @throws {CodedError} EVIDENCE_STORE when the state folder is of no use
 */
export function createImageSource(options: ImageSourceOptions): ImageSource {
  const { evidenceCache, verify, ownScan, wantScan } = options;
  const store = storeFor(options);
  const memory = evidenceCache === undefined ? {} : { maxBytes: evidenceCache.memoryMiB * MIB };
  const cache = createEvidenceCache({ ...memory, ...(store === undefined ? {} : { store }), clock: systemClock });
  const registry = createRegistryClient(options);
  const pool = verify === undefined ? undefined : createVerifierPool(verify);
  const verifier = pool ?? createInThreadVerifier();
  const own = ownScan === undefined ? {} : { ownScan };
  const deps: EvidenceDeps = { registry, verifier, cache, tags: createTagCache(), ...own };
  const wanted = wantScan === undefined ? {} : { wantScan };
  const sourceWith = (given: EvidenceDeps): EvidenceSource => ({
    collect: (image, authorities, signal) => collectImageEvidence(image, authorities, given, signal),
    ...wanted,
  });
  return {
    ...sourceWith(deps),
    withAccess: ({ keyring, scope }) => sourceWith({ ...deps, registry: registry.withKeyring(keyring), scope }),
    get stats() {
      const { stats, bytes } = cache;
      return {
        cache: { ...stats, bytes },
        store: store?.stats ?? NO_STORE,
        verifier: pool?.stats ?? NO_THREADS,
        registries: registry.stats,
      };
    },
    close: async () => {
      await Promise.all([registry.close(), verifier.close()]);
      await store?.close();
    },
  };
}

const NO_STORE: FactStoreStats = { bytes: 0, dropped: 0, errors: 0 };
const NO_THREADS: VerifierStats = { verified: 0, failed: 0, ended: 0, threads: 0, waiting: 0 };

function storeFor({ stateDir, evidenceCache }: ImageSourceOptions): FactStore | undefined {
  if (stateDir === undefined || evidenceCache?.diskMiB === 0) return undefined;
  return openFactStore(stateDir, ...(evidenceCache === undefined ? [] : [evidenceCache.diskMiB * MIB]));
}
