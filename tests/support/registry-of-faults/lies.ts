import type { Fault, Reply } from "../../../cli/demo/registry/reply.ts";
import type { StoredManifest } from "../../../cli/demo/registry/store.ts";
import { serve, withHeaders } from "./answers.ts";
import { everyOther, fromTimes } from "./when.ts";

/** True bytes and others in turn, under the same headers: two reads of one thing differ. */
export function flipDigest(bytes: Uint8Array | string): Fault {
  return everyOther(serve(bytes));
}

/** From the second read on, a tag leads to another manifest, served as correctly as the first. */
export function moveTag({ bytes, mediaType, digest }: StoredManifest): Fault {
  const headers = { "content-type": mediaType, "docker-content-digest": digest };
  return fromTimes(2, () => ({ status: 200, headers, body: bytes }));
}

/** The true bytes under a digest header of others. */
export function wrongDigestHeader(digest = `sha256:${"0".repeat(64)}`): Fault {
  return withHeaders({ "docker-content-digest": digest });
}

/** Announces so many bytes more, or fewer, than it sends. */
export function wrongLength(difference: number): Fault {
  return ({ reply }) => {
    if (!(reply.body instanceof Uint8Array)) return undefined;
    const length = Math.max(0, reply.body.byteLength + difference);
    return { ...reply, headers: { ...reply.headers, "content-length": String(length) } };
  };
}

/** Lists the first so many referrers and keeps quiet about the others. */
export function dropReferrers(keep = 0): Fault {
  return ({ reply }) => relisted(reply, (manifests) => manifests.slice(0, keep));
}

/** Lists every referrer so many times. */
export function duplicateReferrers(times = 3): Fault {
  return ({ reply }) => relisted(reply, (manifests) => Array.from({ length: times }, () => manifests).flat());
}

/** Lists the referrers as something else than they are. */
export function renameReferrers(artifactType: string): Fault {
  return ({ reply }) => relisted(reply, (manifests) => manifests.map((one) => ({ ...(one as object), artifactType })));
}

function relisted(reply: Reply, change: (manifests: readonly unknown[]) => readonly unknown[]): Reply | undefined {
  if (!(reply.body instanceof Uint8Array) || reply.status !== 200) return undefined;
  const list = JSON.parse(new TextDecoder().decode(reply.body)) as { manifests?: readonly unknown[] };
  if (list.manifests === undefined) return undefined;
  const body = new TextEncoder().encode(JSON.stringify({ ...list, manifests: change(list.manifests) }));
  return { ...reply, body };
}
