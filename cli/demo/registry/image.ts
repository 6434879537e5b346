import { gzipSync } from "node:zlib";
import { digestOf } from "../../../core/images/digest.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../../core/images/media-types.ts";
import type { Digest } from "../../../core/policy/evidence.ts";
import { type PushTarget, pushBlob, pushManifest } from "./push.ts";
import { tar } from "./tar.ts";

const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";
const OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";

/** What the image claims to be built of; a scanner reads it as it would a real one. */
export interface ImageSpec {
  /** "shop/web" */
  readonly repository: string;
  readonly tag: string;
  readonly os?: { readonly family: "alpine" | "debian"; readonly version: string };
  readonly packages?: readonly { readonly name: string; readonly version: string }[];
  /** More files, by absolute path. */
  readonly files?: Readonly<Record<string, string>>;
  readonly architecture?: "amd64" | "arm64";
}

export interface PushedImage {
  readonly repository: string;
  readonly tag: string;
  readonly digest: Digest;
  /** Of the manifest, in bytes. */
  readonly size: number;
  readonly mediaType: string;
  /** host/repository:tag */
  readonly reference: string;
  /** host/repository@digest */
  readonly pinned: string;
  readonly architecture: string;
}

/** Builds a small one-layer image and pushes it: real bytes that real tools pull, scan and sign. */
export async function pushImage(target: PushTarget, spec: ImageSpec): Promise<PushedImage> {
  const { repository, tag, architecture = "amd64" } = spec;
  const archive = tar(filesOf(spec));
  const layer = await pushBlob(target, repository, OCI_LAYER, gzipSync(archive));
  const config = await pushBlob(target, repository, OCI_CONFIG, encode(configOf(spec, digestOf(archive))));
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
  return pushed(target, { repository, tag, architecture }, await pushManifest(target, repository, manifest, tag));
}

/** An index over images pushed before, one a platform. */
export async function pushIndex(
  target: PushTarget,
  { repository, tag }: Pick<ImageSpec, "repository" | "tag">,
  children: readonly PushedImage[],
): Promise<PushedImage> {
  const manifests = children.map(({ mediaType, digest, size, architecture }) => {
    return { mediaType, digest, size, platform: { os: "linux", architecture } };
  });
  const content = await pushManifest(
    target,
    repository,
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests } as { mediaType: string },
    tag,
  );
  return pushed(target, { repository, tag, architecture: "any" }, content);
}

function pushed(
  { host }: PushTarget,
  { repository, tag, architecture }: { repository: string; tag: string; architecture: string },
  { digest, size, mediaType }: { digest: Digest; size: number; mediaType: string },
): PushedImage {
  const name = `${host}/${repository}`;
  return {
    repository,
    tag,
    digest,
    size,
    mediaType,
    architecture,
    reference: `${name}:${tag}`,
    pinned: `${name}@${digest}`,
  };
}

function configOf({ repository, tag, architecture = "amd64" }: ImageSpec, layer: Digest): object {
  return {
    created: "2026-01-01T00:00:00Z",
    architecture,
    os: "linux",
    config: {
      User: "65532",
      Env: ["PATH=/usr/local/bin:/usr/bin:/bin"],
      Entrypoint: ["/app"],
      Labels: { "org.opencontainers.image.title": repository, "org.opencontainers.image.version": tag },
    },
    rootfs: { type: "layers", diff_ids: [layer] },
    history: [{ created: "2026-01-01T00:00:00Z", created_by: "outrider demo" }],
  };
}

function filesOf({
  os = { family: "alpine", version: "3.22.1" },
  packages = [],
  files = {},
}: ImageSpec): Record<string, string> {
  const system = os.family === "alpine" ? alpineFiles(os.version, packages) : debianFiles(os.version, packages);
  return { "/app": "#!/bin/sh\n", ...system, ...files };
}

type Packages = NonNullable<ImageSpec["packages"]>;

/** @see https://wiki.alpinelinux.org/wiki/Apk_spec, "installed database" */
function alpineFiles(version: string, packages: Packages): Record<string, string> {
  const entry = ({ name, version: v }: Packages[number]) =>
    `C:Q1AAAAAAAAAAAAAAAAAAAAAAAAAAA=\nP:${name}\nV:${v}\nA:x86_64\nS:1\nI:1\nT:${name}\nU:\nL:MIT\no:${name}\nm:\nt:1\nc:\n\n`;
  return {
    "/etc/os-release": `NAME="Alpine Linux"\nID=alpine\nVERSION_ID=${version}\nPRETTY_NAME="Alpine Linux v${version}"\n`,
    "/etc/alpine-release": `${version}\n`,
    "/lib/apk/db/installed": packages.map(entry).join(""),
  };
}

/** @see deb-status format, dpkg-query(1) */
function debianFiles(version: string, packages: Packages): Record<string, string> {
  const entry = ({ name, version: v }: Packages[number]) =>
    `Package: ${name}\nStatus: install ok installed\nPriority: optional\nSection: libs\nMaintainer: Debian\nArchitecture: amd64\nSource: ${name}\nVersion: ${v}\nDescription: ${name}\n\n`;
  return {
    "/etc/os-release": `PRETTY_NAME="Debian GNU/Linux ${version}"\nNAME="Debian GNU/Linux"\nVERSION_ID="${version}"\nID=debian\n`,
    "/etc/debian_version": `${version}.0\n`,
    "/var/lib/dpkg/status": packages.map(entry).join(""),
  };
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
