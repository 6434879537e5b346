import {
  COSIGN_SIGN_PREDICATE,
  COSIGN_SIGNATURE_ANNOTATION,
  COSIGN_SIMPLE_SIGNING,
  COSIGN_VULN_PREDICATE,
  DSSE_ENVELOPE,
  OCI_MANIFEST,
} from "../../../core/images/media-types.ts";
import type { Digest, Finding } from "../../../core/policy/evidence.ts";
import { type PushTarget, pushBlob, pushManifest, readManifest } from "../registry/push.ts";
import { attachBundle } from "./bundle.ts";
import type { Signer } from "./signer.ts";
import { type Statement, signStatement, statementAbout } from "./statement.ts";

export { generateSigner, type KeyKind, type Signer } from "./signer.ts";

/** What is signed: an image as pushed. */
export interface SignedImage {
  readonly repository: string;
  readonly digest: Digest;
  readonly size: number;
  readonly mediaType: string;
}

const OCI_CONFIG = "application/vnd.oci.image.config.v1+json";

/**
 * Signs as `cosign sign --key` does in its old form: a payload naming the digest, its signature on the layer's
 * descriptor, under the tag `sha256-<hex>.sig`. Signing again adds a layer.
 * @see sigstore/cosign specs/SIGNATURE_SPEC.md
 */
export async function signCosignSimple(target: PushTarget, image: SignedImage, signer: Signer): Promise<void> {
  const payload = encode({
    critical: {
      identity: { "docker-reference": `${target.host}/${image.repository}` },
      image: { "docker-manifest-digest": image.digest },
      type: "cosign container image signature",
    },
    optional: null,
  });
  const signature = Buffer.from(signer.sign(payload)).toString("base64");
  const layer = await pushBlob(target, image.repository, COSIGN_SIMPLE_SIGNING, payload);
  await addLayer(target, image, "sig", { ...layer, annotations: { [COSIGN_SIGNATURE_ANNOTATION]: signature } });
}

/**
 * Signs as `cosign sign --key` does by default since version 3: an in-toto statement with the sign predicate, in a
 * DSSE envelope, in a Sigstore bundle, attached as a referrer.
 * @see sigstore/cosign specs/BUNDLE_SPEC.md
 */
export async function signBundle(target: PushTarget, image: SignedImage, signer: Signer): Promise<void> {
  await attachBundle(target, image, signer, statementAbout(image.digest, COSIGN_SIGN_PREDICATE, {}));
}

/** A finished scan to attest. */
export interface AttestedScan {
  readonly findings: readonly Finding[];
  readonly finishedAtMs: number;
  readonly databaseAtMs?: number;
  /** The scanner's package URL and version. */
  readonly scanner?: { readonly uri: string; readonly version: string };
  /** The scanner's own JSON instead of `findings`. */
  readonly report?: unknown;
}

/**
 * Attests a scan as `cosign attest --type vuln --key` does, as a bundle, or in the old form under `sha256-<hex>.att`.
 * @see sigstore/cosign specs/COSIGN_VULN_ATTESTATION_SPEC.md
 */
export async function attestVuln(
  target: PushTarget,
  image: SignedImage,
  signer: Signer,
  scan: AttestedScan,
  form: "bundle" | "tag" = "bundle",
): Promise<void> {
  await attest(target, image, signer, statementAbout(image.digest, COSIGN_VULN_PREDICATE, vulnPredicate(scan)), form);
}

/** Attaches any statement, true or not. */
export async function attest(
  target: PushTarget,
  image: SignedImage,
  signer: Signer,
  statement: Statement,
  form: "bundle" | "tag" = "bundle",
): Promise<void> {
  if (form === "bundle") return attachBundle(target, image, signer, statement);
  const envelope = encode(signStatement(statement, signer));
  const layer = await pushBlob(target, image.repository, DSSE_ENVELOPE, envelope);
  const annotations = { [COSIGN_SIGNATURE_ANNOTATION]: "", predicateType: statement.predicateType };
  await addLayer(target, image, "att", { ...layer, annotations });
}

function vulnPredicate(scan: AttestedScan): object {
  const { uri, version } = scan.scanner ?? { uri: "pkg:github/outrider/demo-scanner@1", version: "1" };
  const finished = new Date(scan.finishedAtMs).toISOString();
  const lastUpdate = scan.databaseAtMs === undefined ? {} : { lastUpdate: new Date(scan.databaseAtMs).toISOString() };
  return {
    invocation: { parameters: null, uri: "", event_id: "", "builder.id": "" },
    scanner: {
      uri,
      version,
      db: { uri: "", version: "", ...lastUpdate },
      result: scan.report ?? { findings: scan.findings },
    },
    metadata: { scanStartedOn: finished, scanFinishedOn: finished },
  };
}

/** Adds a layer to the artifact under one of cosign's tags, making it when it is not there. */
async function addLayer(target: PushTarget, image: SignedImage, suffix: "sig" | "att", layer: object): Promise<void> {
  const tag = `${image.digest.replace(":", "-")}.${suffix}`;
  const before = (await readManifest(target, image.repository, tag, OCI_MANIFEST)) as { layers?: object[] } | undefined;
  const layers = [...(before?.layers ?? []), layer];
  const diffIds = layers.map((one) => (one as { digest?: string }).digest);
  const content = {
    architecture: "",
    created: "0001-01-01T00:00:00Z",
    os: "",
    rootfs: { type: "layers", diff_ids: diffIds },
    config: {},
  };
  const config = await pushBlob(target, image.repository, OCI_CONFIG, encode(content));
  const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
  await pushManifest(target, image.repository, manifest, tag);
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
