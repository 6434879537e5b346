import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { pushBlob, pushManifest } from "../../../cli/demo/registry/push.ts";
import { type PushedImage, pushImage } from "../../../cli/demo/registry/registry.ts";
import { discoverArtifacts } from "../../../core/images/discover.ts";
import {
  COSIGN_SIMPLE_SIGNING,
  DSSE_ENVELOPE,
  NOTARY_SIGNATURE,
  OCI_EMPTY,
  OCI_MANIFEST,
} from "../../../core/images/media-types.ts";
import { parseReference } from "../../../core/images/reference.ts";
import { createRegistryClient, type RegistryClient } from "../../../core/images/registry-client.ts";
import { type FaultyRegistry, startFaultyRegistry } from "../../support/registry-of-faults.ts";

let registry: FaultyRegistry;
let client: RegistryClient;
let count = 0;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
});
afterEach(() => registry.calm());
afterAll(async () => {
  await client.close();
  await registry.close();
});

const push = () => pushImage(registry, { repository: "shop/web", tag: `t${++count}` });
const discover = ({ pinned, digest }: PushedImage) =>
  discoverArtifacts({ client, repository: parseReference(pinned), digest, signal: AbortSignal.timeout(5000) });

interface Attached {
  readonly mediaType: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly bytes?: string;
  readonly configType?: string;
  readonly artifactType?: string;
}

/** A manifest of one layer, as a referrer of the image or, with a suffix, under cosign's tag. */
async function attach(image: PushedImage, what: Attached, suffix?: string): Promise<void> {
  const { mediaType, annotations = {}, bytes = '{"x":1}', configType = OCI_EMPTY, artifactType } = what;
  const config = await pushBlob(registry, image.repository, configType, Buffer.from("{}"));
  const layer = { ...(await pushBlob(registry, image.repository, mediaType, Buffer.from(bytes))), annotations };
  const subject = { mediaType: image.mediaType, digest: image.digest, size: image.size };
  const own = artifactType === undefined ? {} : { artifactType };
  const base = { schemaVersion: 2, mediaType: OCI_MANIFEST, ...own, config, layers: [layer] };
  if (suffix === undefined) await pushManifest(registry, image.repository, { ...base, subject } as never);
  else await pushManifest(registry, image.repository, base, `${image.digest.replace(":", "-")}.${suffix}`);
}

const KEYLESS = {
  "dev.sigstore.cosign/certificate": "CERT",
  "dev.sigstore.cosign/chain": "CHAIN",
  "dev.sigstore.cosign/bundle": "{}",
  "dev.sigstore.cosign/rfc3161timestamp": '{"SignedRFC3161Timestamp":""}',
};
const MATERIAL = {
  certificate: "CERT",
  chain: "CHAIN",
  rekorBundle: "{}",
  rfc3161Timestamp: '{"SignedRFC3161Timestamp":""}',
};

describe("what is attached to an image is handed out", () => {
  it("as a simple signature with all that cosign wrote beside it", async () => {
    const image = await push();
    const annotations = { "dev.cosignproject.cosign/signature": "c2ln", ...KEYLESS };
    await attach(image, { mediaType: COSIGN_SIMPLE_SIGNING, annotations }, "sig");
    expect((await discover(image)).artifacts).toMatchObject([
      { kind: "simple", signature: "c2ln", material: MATERIAL },
    ]);
  });

  it("as a simple signature of a plain key, whose annotations are empty", async () => {
    const image = await push();
    const annotations = { "dev.cosignproject.cosign/signature": "c2ln", "dev.sigstore.cosign/certificate": "" };
    await attach(image, { mediaType: COSIGN_SIMPLE_SIGNING, annotations }, "sig");
    expect((await discover(image)).artifacts[0]).not.toHaveProperty("material");
  });

  it("as an envelope under the attestation tag, with its certificate", async () => {
    const image = await push();
    await attach(image, { mediaType: DSSE_ENVELOPE, annotations: KEYLESS }, "att");
    expect((await discover(image)).artifacts).toMatchObject([{ kind: "envelope", material: MATERIAL }]);
  });

  it.each([
    "application/vnd.dev.sigstore.bundle+json;version=0.1",
    "application/vnd.dev.sigstore.bundle+json;version=0.2",
    "application/vnd.dev.sigstore.bundle.v0.3+json",
  ])("as a bundle of type %s", async (mediaType) => {
    const image = await push();
    await attach(image, { mediaType });
    expect((await discover(image)).artifacts).toMatchObject([{ kind: "bundle", bytes: Buffer.from('{"x":1}') }]);
  });

  it.each(["application/jose+json", "application/cose"] as const)(
    "as a Notary signature of type %s",
    async (mediaType) => {
      const image = await push();
      await attach(image, { mediaType, configType: NOTARY_SIGNATURE });
      expect((await discover(image)).artifacts).toMatchObject([{ kind: "notary", mediaType }]);
    },
  );

  it("but not as a Notary signature when its manifest does not call itself one", async () => {
    const image = await push();
    await attach(image, { mediaType: "application/cose", artifactType: "application/vnd.example" });
    expect(await discover(image)).toEqual({ artifacts: [], notes: [], failures: [] });
  });

  it("once, when it is a referrer and under a tag too", async () => {
    const image = await push();
    await attach(image, { mediaType: DSSE_ENVELOPE });
    await attach(image, { mediaType: DSSE_ENVELOPE }, "att");
    expect((await discover(image)).artifacts).toHaveLength(1);
  });
});
