import { setImmediate as turn } from "node:timers/promises";
import type { ScanResult, Verified } from "../policy/evidence.ts";
import { discoverArtifacts } from "./discover.ts";
import type { ImageFacts } from "./evidence-cache.ts";

import { CHILDREN_PER_INDEX } from "./limits.ts";
import type { Descriptor, Manifest } from "./manifest.ts";
import type { Repository } from "./reference.ts";
import type { RegistryClient } from "./registry-client.ts";
import type { Trust } from "./trust.ts";
import { coverIndex, coverIndexScans, verifyArtifact, type Worth } from "./verify.ts";

export interface Gathering {
  readonly client: RegistryClient;
  readonly repository: Repository;
  readonly trust: Trust;
  readonly signal: AbortSignal;
}

/**
 * Discovers and verifies what is attached to a manifest. What is attached to an index covers its children, because the
 * index's digest binds theirs; an index that has nothing itself is covered by what all its runnable children have.
 */
export async function gatherFacts(gathering: Gathering, manifest: Manifest): Promise<ImageFacts> {
  const own = await factsAbout(gathering, manifest.digest);
  if (manifest.kind === "image" || (own.signatures.length > 0 && own.scans.length > 0)) return own;
  const children = manifest.content.manifests.filter(canRun);
  if (children.length === 0) return own;
  if (children.length > CHILDREN_PER_INDEX) {
    return withRefusal(own, `an index of ${children.length} platforms, more than ${CHILDREN_PER_INDEX} are not read`);
  }
  const facts: ImageFacts[] = [];
  for (const child of children) facts.push(await factsAbout(gathering, child.digest));
  return merge(manifest, own, facts);
}

async function factsAbout(
  { client, repository, trust, signal }: Gathering,
  digest: Manifest["digest"],
): Promise<ImageFacts> {
  const discovery = await discoverArtifacts({ client, repository, digest, signal });
  const worth: Worth[] = [];
  for (const artifact of discovery.artifacts) {
    worth.push(...(await verifyArtifact(artifact, digest, trust)));
    await turn(); // hostile artifacts may be many and dear: others' reviews come between
  }
  return {
    signatures: worth.flatMap((one) => (one.kind === "signature" ? [one.value] : [])),
    scans: newestFirst(worth.flatMap((one) => (one.kind === "scan" ? [one.value] : []))),
    refusals: [
      ...worth.flatMap((one) => (one.kind === "refused" ? [{ seen: one.seen, why: one.why }] : [])),
      ...discovery.notes.map((why) => ({ seen: "other" as const, why })),
    ],
    failures: discovery.failures,
  };
}

/** Build tools add attestations as children of no platform; nothing runs those. @see buildkit attestation-storage.md */
function canRun({ platform }: Descriptor): boolean {
  return !(platform?.os === "unknown" && platform.architecture === "unknown");
}

function merge(index: Manifest, own: ImageFacts, children: readonly ImageFacts[]): ImageFacts {
  const ofChildren = coverIndex(
    index.digest,
    children.map(({ signatures }) => signatures),
  );
  const scanOfChildren = coverIndexScans(
    index.digest,
    children.map(({ scans }) => scans[0]),
  );
  return {
    signatures: own.signatures.length > 0 ? own.signatures : ofChildren,
    scans: own.scans.length > 0 || scanOfChildren === undefined ? own.scans : [scanOfChildren],
    refusals: [...own.refusals, ...children.flatMap(({ refusals }) => refusals)],
    failures: [...own.failures, ...children.flatMap(({ failures }) => failures)],
  };
}

function withRefusal(facts: ImageFacts, why: string): ImageFacts {
  return { ...facts, refusals: [...facts.refusals, { seen: "other", why }] };
}

function newestFirst(scans: readonly Verified<ScanResult>[]): readonly Verified<ScanResult>[] {
  return scans.toSorted((a, b) => b.finishedAtMs - a.finishedAtMs);
}
