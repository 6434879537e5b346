import { request } from "undici";
import { CodedError } from "../../../core/base/errors.ts";
import { digestOf } from "../../../core/images/digest.ts";
import type { Digest } from "../../../core/policy/evidence.ts";

/** A registry that takes pushes over plain HTTP without credentials: the embedded one, or any other on loopback. */
export interface PushTarget {
  /** Host and port. */
  readonly host: string;
}

/** What points at pushed content. */
export interface PushedContent {
  readonly mediaType: string;
  readonly digest: Digest;
  readonly size: number;
}

export async function pushBlob(
  target: PushTarget,
  repository: string,
  mediaType: string,
  bytes: Uint8Array,
): Promise<PushedContent> {
  const digest = digestOf(bytes);
  const started = await call(target, "POST", `/v2/${repository}/blobs/uploads/`, 202);
  const upload = new URL(started.location, `http://${target.host}`);
  upload.searchParams.set("digest", digest);
  await call(target, "PUT", `${upload.pathname}${upload.search}`, 201, bytes, "application/octet-stream");
  return { mediaType, digest, size: bytes.byteLength };
}

/**
 * @param reference  a tag; its digest when left out
 * @returns what was pushed, and whether the registry lists it among its subject's referrers
 */
export async function pushManifest(
  target: PushTarget,
  repository: string,
  manifest: { readonly mediaType: string },
  reference?: string,
): Promise<PushedContent & { readonly listed: boolean }> {
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  const digest = digestOf(bytes);
  const path = `/v2/${repository}/manifests/${reference ?? digest}`;
  const { subject } = await call(target, "PUT", path, 201, bytes, manifest.mediaType);
  return { mediaType: manifest.mediaType, digest, size: bytes.byteLength, listed: subject !== "" };
}

/** A manifest's JSON; `undefined` when there is none. */
export async function readManifest(
  target: PushTarget,
  repository: string,
  reference: string,
  accept: string,
): Promise<unknown> {
  const answer = await request(`http://${target.host}/v2/${repository}/manifests/${reference}`, {
    headers: { accept },
  });
  if (answer.statusCode === 200) return answer.body.json();
  await answer.body.dump();
  return undefined;
}

async function call(
  { host }: PushTarget,
  method: "POST" | "PUT",
  path: string,
  expected: number,
  body?: Uint8Array,
  contentType?: string,
): Promise<{ location: string; subject: string }> {
  const headers = contentType === undefined ? {} : { "content-type": contentType };
  const answer = await request(`http://${host}${path}`, { method, headers, body: body ?? null });
  const text = await answer.body.text();
  if (answer.statusCode !== expected) {
    const fix = "look at the registry's log for that request";
    throw new CodedError(
      "REGISTRY_STATUS",
      `${host}: ${method} ${path} answered ${answer.statusCode} ${text.slice(0, 200)}`,
      fix,
    );
  }
  return { location: String(answer.headers["location"] ?? ""), subject: String(answer.headers["oci-subject"] ?? "") };
}
