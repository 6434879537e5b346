import { randomUUID } from "node:crypto";
import { digestOf, isDigest } from "../../../core/images/digest.ts";
import { OCI_INDEX } from "../../../core/images/media-types.ts";
import { emptyReply, errorReply, jsonReply, type Reply } from "./reply.ts";
import type { RegistryStore } from "./store.ts";

/** One request, its body read whole. */
export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/** Referrers on one page. */
export const REFERRERS_PER_PAGE = 50;
/** Uploads under way; the oldest is given up for a new one. */
export const UPLOADS_LIMIT = 64;

interface Scene extends Call {
  readonly store: RegistryStore;
  readonly uploads: Map<string, Uint8Array>;
  readonly repository: string;
  /** What follows the kind in the path: a reference, a digest, an upload's id. */
  readonly rest: string;
}

type Handler = (scene: Scene) => Reply;

const REPOSITORY = "[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\\.|__?|-+)[a-z0-9]+)*)*";

/** Path and method to handler. @see distribution-spec "Endpoints" */
const ROUTES: readonly (readonly [path: RegExp, methods: Readonly<Record<string, Handler>>])[] = [
  [route("manifests/([^/]+)"), { GET: getManifest, HEAD: getManifest, PUT: putManifest, DELETE: deleteManifest }],
  [route("blobs/uploads/"), { POST: startUpload }],
  [route("blobs/uploads/([^/]+)"), { PATCH: appendUpload, PUT: finishUpload, GET: uploadStatus, DELETE: cancelUpload }],
  [route("blobs/(sha256:[^/]+)"), { GET: getBlob, HEAD: getBlob }],
  [route("tags/list"), { GET: listTags }],
  [route("referrers/([^/]+)"), { GET: listReferrers }],
];

/** Answers calls from one store. */
export function createRoutes(store: RegistryStore): (call: Call) => Reply {
  const uploads = new Map<string, Uint8Array>();
  return (call) => {
    if (call.url.pathname === "/v2/") return jsonReply(200, {});
    for (const [path, methods] of ROUTES) {
      const found = path.exec(call.url.pathname);
      if (found === null) continue;
      const handler = methods[call.method];
      if (handler === undefined) return errorReply(405, "UNSUPPORTED", `${call.method} is not offered here`);
      return handler({ ...call, store, uploads, repository: found[1] ?? "", rest: found[2] ?? "" });
    }
    return errorReply(404, "NAME_UNKNOWN", `${call.url.pathname}: no such resource`);
  };
}

function route(rest: string): RegExp {
  return new RegExp(`^/v2/(${REPOSITORY})/${rest}$`);
}

function getManifest({ store, repository, rest }: Scene): Reply {
  const manifest = store.manifest(repository, rest);
  if (manifest === undefined) return errorReply(404, "MANIFEST_UNKNOWN", `${repository}: no manifest ${rest}`);
  const headers = { "content-type": manifest.mediaType, "docker-content-digest": manifest.digest };
  return { status: 200, headers, body: manifest.bytes };
}

function putManifest({ store, repository, rest, body, contentType }: Scene): Reply {
  const digest = digestOf(body);
  const json = parse(body) as { mediaType?: string; subject?: { digest?: string } } | undefined;
  if (json === undefined) return errorReply(400, "MANIFEST_INVALID", "the manifest is not a JSON object");
  if (rest.startsWith("sha256:") && rest !== digest)
    return errorReply(400, "DIGEST_INVALID", `the bytes are ${digest}`);
  const mediaType = contentType === "" ? (json.mediaType ?? "") : contentType;
  if (!store.putManifest(repository, rest, { digest, mediaType, bytes: body })) return full();
  const subject = json.subject?.digest;
  return emptyReply(201, {
    location: `/v2/${repository}/manifests/${digest}`,
    "docker-content-digest": digest,
    ...(subject === undefined ? {} : { "oci-subject": subject }),
  });
}

function deleteManifest({ store, repository, rest }: Scene): Reply {
  return store.deleteManifest(repository, rest)
    ? emptyReply(202)
    : errorReply(404, "MANIFEST_UNKNOWN", `no manifest ${rest}`);
}

function getBlob({ store, rest }: Scene): Reply {
  const bytes = isDigest(rest) ? store.blob(rest) : undefined;
  if (bytes === undefined) return errorReply(404, "BLOB_UNKNOWN", `no blob ${rest}`);
  return {
    status: 200,
    headers: { "content-type": "application/octet-stream", "docker-content-digest": rest },
    body: bytes,
  };
}

/** A POST with `digest` is a whole upload, with `mount` a claim on a blob that may be here already. */
function startUpload(scene: Scene): Reply {
  const { store, uploads, repository, url, body } = scene;
  const mount = url.searchParams.get("mount");
  if (isDigest(mount) && store.blob(mount) !== undefined) return created(repository, mount);
  if (url.searchParams.has("digest")) return storeBlob(scene, body);
  const id = randomUUID();
  const oldest = uploads.keys().next().value;
  if (uploads.size >= UPLOADS_LIMIT && oldest !== undefined) uploads.delete(oldest);
  uploads.set(id, new Uint8Array());
  return accepted(scene, id, 0);
}

function appendUpload(scene: Scene): Reply {
  const held = scene.uploads.get(scene.rest);
  if (held === undefined) return unknownUpload(scene);
  const whole = Buffer.concat([held, scene.body]);
  scene.uploads.set(scene.rest, whole);
  return accepted(scene, scene.rest, whole.byteLength);
}

function finishUpload(scene: Scene): Reply {
  const held = scene.uploads.get(scene.rest);
  if (held === undefined) return unknownUpload(scene);
  scene.uploads.delete(scene.rest);
  return storeBlob(scene, Buffer.concat([held, scene.body]));
}

function uploadStatus(scene: Scene): Reply {
  const held = scene.uploads.get(scene.rest);
  if (held === undefined) return unknownUpload(scene);
  return { ...accepted(scene, scene.rest, held.byteLength), status: 204 };
}

function cancelUpload(scene: Scene): Reply {
  return scene.uploads.delete(scene.rest) ? emptyReply(204) : unknownUpload(scene);
}

function storeBlob({ store, repository, url }: Scene, bytes: Uint8Array): Reply {
  const digest = digestOf(bytes);
  if (url.searchParams.get("digest") !== digest) return errorReply(400, "DIGEST_INVALID", `the bytes are ${digest}`);
  return store.putBlob(bytes) ? created(repository, digest) : full();
}

function listTags({ store, repository, url }: Scene): Reply {
  const tags = store.tags(repository);
  if (tags === undefined) return errorReply(404, "NAME_UNKNOWN", `no repository ${repository}`);
  const last = url.searchParams.get("last");
  const after = tags.filter((tag) => last === null || tag > last);
  return jsonReply(200, { name: repository, tags: after.slice(0, Number(url.searchParams.get("n") ?? after.length)) });
}

/** Always 200, an empty list for what nobody refers to: that is how a client tells the API is there. */
function listReferrers({ store, repository, rest, url }: Scene): Reply {
  if (!isDigest(rest)) return errorReply(400, "DIGEST_INVALID", `${rest} is not a digest`);
  const artifactType = url.searchParams.get("artifactType");
  const all = store
    .referrers(repository, rest)
    .filter((one) => artifactType === null || one.artifactType === artifactType);
  const from = Number(url.searchParams.get("from") ?? 0) || 0;
  const next = from + REFERRERS_PER_PAGE;
  const query = new URLSearchParams({ from: String(next), ...(artifactType === null ? {} : { artifactType }) });
  const manifests = all.slice(from, next);
  return jsonReply(
    200,
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests },
    {
      "content-type": OCI_INDEX,
      ...(artifactType === null ? {} : { "oci-filters-applied": "artifactType" }),
      ...(next >= all.length ? {} : { link: `<${url.pathname}?${query}>; rel="next"` }),
    },
  );
}

function accepted({ repository }: Scene, id: string, size: number): Reply {
  const range = `0-${Math.max(0, size - 1)}`;
  return emptyReply(202, { location: `/v2/${repository}/blobs/uploads/${id}`, range, "docker-upload-uuid": id });
}

function created(repository: string, digest: string): Reply {
  return emptyReply(201, { location: `/v2/${repository}/blobs/${digest}`, "docker-content-digest": digest });
}

function unknownUpload({ rest }: Scene): Reply {
  return errorReply(404, "BLOB_UPLOAD_UNKNOWN", `no upload ${rest}`);
}

function full(): Reply {
  return errorReply(507, "DENIED", "the registry is full");
}

function parse(body: Uint8Array): object | undefined {
  try {
    const json: unknown = JSON.parse(new TextDecoder().decode(body));
    return typeof json === "object" && json !== null ? json : undefined;
  } catch {
    return undefined;
  }
}
