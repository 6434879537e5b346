import { CodedError } from "../../base/errors.ts";
import type { Digest, ScanResult, SignerRole, Verified } from "../../policy/evidence.ts";
import type { Authority } from "../../policy/images/schema/authority.ts";
import { EVIDENCE_CACHE_ERRORS } from "../cache/errors.ts";
import type { ReceivedAs } from "../claims/artifact.ts";
import { discoverArtifacts } from "../discover.ts";
import { ByteRoom } from "../discovery/byte-room.ts";
import { CHILDREN_PER_INDEX } from "../limits.ts";
import type { Manifest } from "../manifest.ts";
import { formatRepository, type Repository } from "../reference.ts";
import { canRun } from "../registry/image-manifest.ts";
import type { RegistryClient } from "../registry-client.ts";
import type { Worth } from "../verify.ts";
import type { Verifier } from "../workers/verifier.ts";
import { coverIndex, coverIndexAttestations, coverIndexScans } from "./cover-index.ts";
import type { ImageFacts } from "./image-facts.ts";

export interface Gathering {
  readonly client: RegistryClient;
  readonly repository: Repository;
  readonly authorities: readonly Authority[];
  readonly verifier: Verifier;
  readonly signal: AbortSignal;
}

/**
 * Discovers and verifies what is attached to a manifest. What is attached to an index covers its children, because the
 * index's digest binds theirs; an index that has nothing itself is covered by what all its runnable children have.
 */
export async function gatherFacts(gathering: Gathering, manifest: Manifest): Promise<ImageFacts> {
  const own = await factsAbout(gathering, manifest);
  if (manifest.kind === "image" || own.lacking.length === 0) return own;
  const children = manifest.content.manifests.filter(canRun);
  if (children.length === 0) return own;
  if (children.length > CHILDREN_PER_INDEX) {
    return withRefusal(own, `an index of ${children.length} platforms, more than ${CHILDREN_PER_INDEX} are not read`);
  }
  const facts: ImageFacts[] = [];
  for (const child of children) facts.push(await factsAbout(gathering, child));
  return withLacking(merge(manifest.digest, own, facts), gathering.authorities);
}

type Received = ReceivedAs & { readonly digest: Digest };

async function factsAbout(gathering: Gathering, received: Received): Promise<ImageFacts> {
  const { discovery, verifications } = await discoverAndVerify(gathering, received);
  const worth: Worth[] = verifications.flatMap((one) => (one.kind === "verified" ? one.worth : []));
  const failed = verifications.flatMap((one) => (one.kind === "failed" ? [one.cause] : []));
  const facts = {
    signatures: worth.flatMap((one) => (one.kind === "signature" ? [one.value] : [])),
    attestations: worth.flatMap((one) => (one.kind === "attestation" ? [one.value] : [])),
    scans: newestFirst(worth.flatMap((one) => (one.kind === "scan" ? [one.value] : []))),
    refusals: [
      ...worth.flatMap((one) => (one.kind === "refused" ? [{ seen: one.seen, why: one.why }] : [])),
      ...discovery.notes.map((why) => ({ seen: "other" as const, why })),
    ],
    lacking: [],
    failures: [...discovery.failures, ...failed],
  };
  return withLacking(facts, gathering.authorities);
}

/** What is read is held to the room there is for all images, until it is verified. */
async function discoverAndVerify(gathering: Gathering, received: Received) {
  const { client, repository, authorities, verifier, signal } = gathering;
  const { digest } = received;
  let giveBack = () => {};
  const reserve = async (bytes: number) => {
    giveBack = await roomFor(bytes, repository, signal);
  };
  try {
    const discovery = await discoverArtifacts({ client, repository, digest, received, reserve, signal });
    return { discovery, verifications: await verifier.verify(discovery.artifacts, digest, authorities, signal) };
  } finally {
    giveBack();
  }
}

const room = new ByteRoom();

async function roomFor(bytes: number, repository: Repository, signal: AbortSignal): Promise<() => void> {
  try {
    return await room.take(bytes, signal);
  } catch (cause) {
    const what = `${formatRepository(repository)}: no room in time for ${bytes} bytes of evidence beside that of others`;
    throw new CodedError("EVIDENCE_BUSY", what, EVIDENCE_CACHE_ERRORS.EVIDENCE_BUSY.fix, { cause });
  }
}

/** Which roles among the authorities nothing was found of. */
function withLacking(facts: ImageFacts, authorities: readonly Authority[]): ImageFacts {
  const roles = new Set(authorities.map(({ role }) => role));
  return { ...facts, lacking: [...roles].filter((role) => !hasOf(role, facts)) };
}

function hasOf(role: SignerRole, { signatures, attestations, scans }: ImageFacts): boolean {
  if (role === "release") return signatures.length > 0;
  if (role === "scanner") return scans.length > 0;
  return attestations.some((one) => one.role === role);
}

function merge(index: Digest, own: ImageFacts, children: readonly ImageFacts[]): ImageFacts {
  const ofChildren = coverIndex(
    index,
    children.map(({ signatures }) => signatures),
  );
  const scanOfChildren = coverIndexScans(
    index,
    children.map(({ scans }) => scans[0]),
  );
  return {
    signatures: own.signatures.length > 0 ? own.signatures : ofChildren,
    attestations: [
      ...own.attestations,
      ...coverIndexAttestations(
        index,
        children.map(({ attestations }) => attestations),
      ),
    ],
    scans: own.scans.length > 0 || scanOfChildren === undefined ? own.scans : [scanOfChildren],
    refusals: [...own.refusals, ...children.flatMap(({ refusals }) => refusals)],
    lacking: [],
    failures: [...own.failures, ...children.flatMap(({ failures }) => failures)],
  };
}

function withRefusal(facts: ImageFacts, why: string): ImageFacts {
  return { ...facts, refusals: [...facts.refusals, { seen: "other", why }] };
}

function newestFirst(scans: readonly Verified<ScanResult>[]): readonly Verified<ScanResult>[] {
  return scans.toSorted((a, b) => b.finishedAtMs - a.finishedAtMs);
}
