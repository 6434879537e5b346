import { emptyReply, type Fault, jsonReply } from "../../../cli/demo/registry/reply.ts";
import { DOCKER_INDEX, OCI_INDEX } from "../../../core/images/media-types.ts";

export function status(code: number, headers: Readonly<Record<string, string>> = {}): Fault {
  return () => ({ ...jsonReply(code, { errors: [] }), headers });
}

export function redirectTo(location: string, code = 307): Fault {
  return () => emptyReply(code, { location });
}

/** Other bytes under the headers of the true ones. */
export function serve(bytes: Uint8Array | string): Fault {
  return ({ reply }) => ({ ...reply, body: typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes });
}

/** Bytes of their own, with nothing said about their digest. */
export function serveAs(contentType: string, bytes: string): Fault {
  return () => ({ status: 200, headers: { "content-type": contentType }, body: new TextEncoder().encode(bytes) });
}

export function withHeaders(headers: Readonly<Record<string, string>>): Fault {
  return ({ reply }) => ({ ...reply, headers: { ...reply.headers, ...headers } });
}

/** The true bytes under another content type. */
export function mislabel(contentType: string): Fault {
  return withHeaders({ "content-type": contentType });
}

/** A Docker schema 1 manifest, signed as they were. */
export function schema1(): Fault {
  const manifest = { schemaVersion: 1, name: "shop/web", tag: "1", fsLayers: [], history: [], signatures: [] };
  return serveAs("application/vnd.docker.distribution.manifest.v1+prettyjws", JSON.stringify(manifest));
}

/** An index whose only child is an index again. */
export function nestedIndex(depth = 1): Fault {
  const digest = `sha256:${"1".repeat(64)}`;
  const manifests = Array.from({ length: depth }, () => ({ mediaType: OCI_INDEX, digest, size: 500 }));
  return serveAs(OCI_INDEX, JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests }));
}

/** An index of two children for one platform, as Docker writes it. */
export function twinPlatforms(): Fault {
  const child = (digit: string) => ({
    mediaType: "application/vnd.docker.distribution.manifest.v2+json",
    digest: `sha256:${digit.repeat(64)}`,
    size: 500,
    platform: { os: "linux", architecture: "amd64" },
  });
  const index = { schemaVersion: 2, mediaType: DOCKER_INDEX, manifests: [child("1"), child("2")] };
  return serveAs(DOCKER_INDEX, JSON.stringify(index));
}
