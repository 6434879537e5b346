import type { Descriptor, Manifest } from "../manifest.ts";
import { DOCKER_INDEX, OCI_INDEX } from "../media-types.ts";
import { failure } from "./answer.ts";

/**
 * Refuses what a pod could be admitted by and run as something else: which child of an index a node takes must follow
 * from its platform alone, and its content must come from where it was looked at.
 *
 * @throws {CodedError} REGISTRY_NESTED_INDEX, REGISTRY_AMBIGUOUS_INDEX, REGISTRY_FOREIGN_LAYERS
 */
export function refuseAmbiguous(manifest: Manifest, where: string): void {
  if (manifest.kind === "index") refuseAmbiguousIndex(manifest.content.manifests, where);
  else refuseForeignLayers(manifest.content.layers, where);
}

/** Build tools add attestations as children of no platform; nothing runs those. @see buildkit attestation-storage.md */
export function canRun({ platform }: Descriptor): boolean {
  return !(platform?.os === "unknown" && platform.architecture === "unknown");
}

function refuseAmbiguousIndex(children: readonly Descriptor[], where: string): void {
  const nested = children.find(({ mediaType }) => mediaType === OCI_INDEX || mediaType === DOCKER_INDEX);
  if (nested !== undefined) throw failure("REGISTRY_NESTED_INDEX", `${where}: its entry ${nested.digest} is an index`);
  const seen = new Map<string, string>();
  for (const child of children.filter(canRun)) {
    const platform = platformOf(child);
    const other = seen.get(platform);
    if (other !== undefined && other !== child.digest) {
      throw failure("REGISTRY_AMBIGUOUS_INDEX", `${where}: both ${other} and ${child.digest} are for ${platform}`);
    }
    seen.set(platform, child.digest);
  }
}

/** Architectures by their other names, and what a missing variant means. @see containerd/platforms, normalizeArch */
const ARCHITECTURES: Readonly<Record<string, string>> = {
  x86_64: "amd64",
  "x86-64": "amd64",
  i386: "386",
  aarch64: "arm64",
};
const VARIANTS: Readonly<Record<string, string>> = { amd64: "v1", arm: "v7", arm64: "v8" };

/** One text for what a runtime takes for one platform. */
function platformOf({ platform }: Descriptor): string {
  if (platform == null) return "every platform";
  const { os, architecture: named, variant, "os.version": version, "os.features": features } = platform;
  const architecture = ARCHITECTURES[named.toLowerCase()] ?? named.toLowerCase();
  const exact = variant == null || variant === "" ? VARIANTS[architecture] : variant.toLowerCase();
  const path = [os.toLowerCase(), architecture, ...(exact === undefined ? [] : [exact])].join("/");
  const more = [version ?? "", ...(features ?? []).toSorted()].filter((text) => text !== "");
  return [path, ...more].join(" ").slice(0, 200);
}

/** A node would fetch them from an address that the image's author chose, without asking the registry. */
function refuseForeignLayers(layers: readonly Descriptor[], where: string): void {
  const foreign = layers.find(({ urls }) => urls != null && urls.length > 0);
  if (foreign === undefined) return;
  const from = foreign.urls?.[0]?.slice(0, 120);
  throw failure("REGISTRY_FOREIGN_LAYERS", `${where}: layer ${foreign.digest} is to be fetched from ${from}`);
}
