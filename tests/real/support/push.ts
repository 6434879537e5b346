import { createHash } from "node:crypto";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const INDEX = "application/vnd.oci.image.index.v1+json";
const NOTARY_SIGNATURE = "application/vnd.cncf.notary.signature";

export interface Pushed {
  readonly mediaType: string;
  readonly digest: `sha256:${string}`;
  readonly size: number;
}

/** Writes to one repository of a registry over the distribution API: what pushers do, and what attackers could. */
export interface Pusher {
  /** An image of no layers whose manifest differs by this name. */
  image(name: string): Promise<Pushed>;
  index(children: readonly Pushed[]): Promise<Pushed>;
  /** A Notary signature's manifest around this envelope, listed as a referrer of the image. */
  notarySignature(subject: Pushed, mediaType: string, envelope: Uint8Array): Promise<void>;
}

export function pushTo(host: string, repository: string): Pusher {
  const base = `http://${host}/v2/${repository}`;
  const blob = (bytes: Uint8Array, mediaType: string) => putBlob(base, bytes, mediaType);
  const empty = () => blob(Buffer.from("{}"), "application/vnd.oci.image.config.v1+json");
  return {
    image: async (name) => {
      const manifest = {
        schemaVersion: 2,
        mediaType: MANIFEST,
        config: await empty(),
        layers: [],
        annotations: { name },
      };
      return putManifest(base, manifest, MANIFEST);
    },
    index: (children) => putManifest(base, { schemaVersion: 2, mediaType: INDEX, manifests: children }, INDEX),
    notarySignature: async (subject, mediaType, envelope) => {
      const config = { ...(await empty()), mediaType: NOTARY_SIGNATURE };
      const layers = [await blob(envelope, mediaType)];
      const manifest = { schemaVersion: 2, mediaType: MANIFEST, config, layers, subject };
      const pushed = await putManifest(base, manifest, MANIFEST);
      if (!(await hasReferrers(base, subject)))
        await listInTag(base, subject, { ...pushed, artifactType: NOTARY_SIGNATURE });
    },
  };
}

function describe(bytes: Uint8Array, mediaType: string): Pushed {
  return { mediaType, digest: `sha256:${createHash("sha256").update(bytes).digest("hex")}`, size: bytes.byteLength };
}

async function putBlob(base: string, bytes: Uint8Array, mediaType: string): Promise<Pushed> {
  const pushed = describe(bytes, mediaType);
  const { headers } = await ok(await fetch(`${base}/blobs/uploads/`, { method: "POST" }));
  const to = new URL(headers.get("location") ?? "", base);
  to.searchParams.set("digest", pushed.digest);
  const type = { "content-type": "application/octet-stream" };
  await ok(await fetch(to, { method: "PUT", headers: type, body: Buffer.from(bytes) }));
  return pushed;
}

async function putManifest(base: string, manifest: object, mediaType: string, tag?: string): Promise<Pushed> {
  const bytes = Buffer.from(JSON.stringify(manifest));
  const pushed = describe(bytes, mediaType);
  const to = `${base}/manifests/${tag ?? pushed.digest}`;
  await ok(await fetch(to, { method: "PUT", headers: { "content-type": mediaType }, body: bytes }));
  return pushed;
}

async function hasReferrers(base: string, { digest }: Pushed): Promise<boolean> {
  const response = await fetch(`${base}/referrers/${digest}`);
  await response.body?.cancel();
  return response.ok;
}

/** @see distribution-spec, "Unavailable Referrers API": the client keeps the list itself, under a tag */
async function listInTag(base: string, subject: Pushed, entry: object): Promise<void> {
  const tag = subject.digest.replace(":", "-");
  const before = await fetch(`${base}/manifests/${tag}`, { headers: { accept: INDEX } });
  const manifests = before.ok ? ((await before.json()) as { manifests: object[] }).manifests : [];
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [...manifests, entry] };
  await putManifest(base, index, INDEX, tag);
}

async function ok(response: Response): Promise<Response> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return response;
}
