import { type PushTarget, pushBlob, pushManifest } from "../../../cli/demo/registry/push.ts";
import type { PushedImage } from "../../../cli/demo/registry/registry.ts";
import { attachReferrer } from "../../../cli/demo/signing/bundle.ts";
import { COSIGN_SIGNATURE_ANNOTATION, OCI_MANIFEST } from "../../../core/images/media-types.ts";

/** What is changed on the way: the signed payload and the signature over it, both as bytes. */
export interface Alteration {
  readonly payload?: (bytes: Buffer) => Buffer;
  readonly signature?: (bytes: Buffer) => Buffer;
}

interface Layer {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly annotations?: Readonly<Record<string, string>>;
}

interface Content {
  readonly mediaType: string;
  readonly config: Layer;
  readonly layers: readonly Layer[];
  readonly annotations?: Readonly<Record<string, string>>;
}

/** The same image, digest and all, in another repository. */
export async function copyImage(registry: PushTarget, from: PushedImage, repository: string): Promise<PushedImage> {
  const manifest = await fetchJson<Content>(registry, from, `manifests/${from.digest}`);
  for (const { mediaType, digest } of [manifest.config, ...manifest.layers])
    await pushBlob(registry, repository, mediaType, await fetchBytes(registry, from, `blobs/${digest}`));
  const { digest } = await pushManifest(registry, repository, manifest);
  return { ...from, repository, digest, pinned: `${registry.host}/${repository}@${digest}` };
}

/**
 * Attaches what is attached to one image, under one of cosign's tags, to another as well: what anybody who may push can
 * do without any key.
 */
export async function copyTag(
  registry: PushTarget,
  from: PushedImage,
  to: PushedImage,
  suffix: "sig" | "att",
  alter: Alteration = {},
): Promise<void> {
  const tag = ({ digest }: PushedImage) => `${digest.replace(":", "-")}.${suffix}`;
  const source = await fetchJson<Content>(registry, from, `manifests/${tag(from)}`);
  const layers: Layer[] = [];
  for (const layer of source.layers) {
    const bytes = await fetchBytes(registry, from, `blobs/${layer.digest}`);
    const signature = layer.annotations?.[COSIGN_SIGNATURE_ANNOTATION] ?? "";
    const altered = suffix === "att" ? alterEnvelope(bytes, alter) : (alter.payload?.(bytes) ?? bytes);
    const pushed = await pushBlob(registry, to.repository, layer.mediaType, altered);
    const resigned = signature === "" ? "" : alterBase64(signature, alter.signature);
    layers.push({ ...pushed, annotations: { ...layer.annotations, [COSIGN_SIGNATURE_ANNOTATION]: resigned } });
  }
  const config = await fetchBytes(registry, from, `blobs/${source.config.digest}`);
  await pushBlob(registry, to.repository, source.config.mediaType, config);
  await pushManifest(registry, to.repository, { ...source, mediaType: OCI_MANIFEST, layers } as Content, tag(to));
}

/** As `copyTag`, of the bundles that refer to an image. */
export async function copyBundles(
  registry: PushTarget,
  from: PushedImage,
  to: PushedImage,
  alter: Alteration = {},
): Promise<void> {
  const { manifests } = await fetchJson<{ manifests: Layer[] }>(registry, from, `referrers/${from.digest}`);
  for (const { digest } of manifests) {
    const { layers, annotations = {} } = await fetchJson<Content>(registry, from, `manifests/${digest}`);
    const bundle = JSON.parse(String(await fetchBytes(registry, from, `blobs/${layers[0]?.digest}`)));
    const envelope = alterEnvelope(Buffer.from(JSON.stringify(bundle.dsseEnvelope)), alter);
    const altered = { ...bundle, dsseEnvelope: JSON.parse(String(envelope)) };
    await attachReferrer(registry, to, Buffer.from(JSON.stringify(altered)), annotations);
  }
}

function alterEnvelope(bytes: Buffer, { payload, signature }: Alteration): Buffer {
  const envelope = JSON.parse(String(bytes)) as { payload: string; signatures: { sig: string }[] };
  const signatures = envelope.signatures.map((one) => ({ ...one, sig: alterBase64(one.sig, signature) }));
  return Buffer.from(JSON.stringify({ ...envelope, payload: alterBase64(envelope.payload, payload), signatures }));
}

function alterBase64(text: string, change: ((bytes: Buffer) => Buffer) | undefined): string {
  return change === undefined ? text : change(Buffer.from(text, "base64")).toString("base64");
}

async function fetchJson<T>(registry: PushTarget, image: PushedImage, path: string): Promise<T> {
  return JSON.parse(String(await fetchBytes(registry, image, path))) as T;
}

async function fetchBytes({ host }: PushTarget, { repository }: PushedImage, path: string): Promise<Buffer> {
  const answer = await fetch(`http://${host}/v2/${repository}/${path}`, {
    headers: { accept: `${OCI_MANIFEST}, */*` },
  });
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return Buffer.from(await answer.arrayBuffer());
}
