import {
  BUNDLE_CONTENT_ANNOTATION,
  BUNDLE_PREDICATE_ANNOTATION,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_MANIFEST,
  SIGSTORE_BUNDLE,
} from "../../../core/images/media-types.ts";
import { type PushTarget, pushBlob, pushManifest, readManifest } from "../registry/push.ts";
import type { Signer } from "./signer.ts";
import type { SignedImage } from "./signing.ts";
import { type Statement, signStatement } from "./statement.ts";

/** Wraps a signed statement in a Sigstore bundle and attaches it to the image as a referrer. */
export async function attachBundle(
  target: PushTarget,
  image: SignedImage,
  signer: Signer,
  statement: Statement,
): Promise<void> {
  const bundle = {
    mediaType: SIGSTORE_BUNDLE,
    verificationMaterial: { publicKey: { hint: signer.hint } },
    dsseEnvelope: signStatement(statement, signer),
  };
  await attachReferrer(target, image, encode(bundle), {
    [BUNDLE_CONTENT_ANNOTATION]: "dsse-envelope",
    [BUNDLE_PREDICATE_ANNOTATION]: statement.predicateType,
    "org.opencontainers.image.created": new Date().toISOString(),
  });
}

/** Pushes an artifact with the image as subject; a registry without the referrers API gets the fallback tag too. */
export async function attachReferrer(
  target: PushTarget,
  image: SignedImage,
  content: Uint8Array,
  annotations: Readonly<Record<string, string>>,
): Promise<void> {
  const { repository, digest, size, mediaType } = image;
  const config = await pushBlob(target, repository, OCI_EMPTY, encode({}));
  const layer = await pushBlob(target, repository, SIGSTORE_BUNDLE, content);
  const subject = { mediaType, digest, size };
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    artifactType: SIGSTORE_BUNDLE,
    config,
    layers: [layer],
    subject,
    annotations,
  };
  const { listed, ...pushed } = await pushManifest(target, repository, manifest);
  if (!listed) await addToFallback(target, image, { ...pushed, artifactType: SIGSTORE_BUNDLE, annotations });
}

/** @see distribution-spec "Referrers Tag Schema" */
async function addToFallback(
  target: PushTarget,
  { repository, digest }: SignedImage,
  descriptor: object,
): Promise<void> {
  const tag = digest.replace(":", "-");
  const before = (await readManifest(target, repository, tag, OCI_INDEX)) as { manifests?: object[] } | undefined;
  const manifests = [...(before?.manifests ?? []), descriptor];
  await pushManifest(
    target,
    repository,
    { schemaVersion: 2, mediaType: OCI_INDEX, manifests } as { mediaType: string },
    tag,
  );
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
