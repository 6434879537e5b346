import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { pushBlob, pushManifest } from "../../../cli/demo/registry/push.ts";
import { type PushedImage, pushImage } from "../../../cli/demo/registry/registry.ts";
import { type Fault, jsonReply } from "../../../cli/demo/registry/reply.ts";
import { discoverArtifacts } from "../../../core/images/discover.ts";
import { ARTIFACTS_PER_IMAGE, ATTACHED_LIMIT_BYTES } from "../../../core/images/limits.ts";
import {
  COSIGN_SIMPLE_SIGNING,
  DSSE_ENVELOPE,
  NOTARY_SIGNATURE,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_MANIFEST,
} from "../../../core/images/media-types.ts";
import { parseReference } from "../../../core/images/reference.ts";
import { createRegistryClient, type RegistryClient } from "../../../core/images/registry-client.ts";
import {
  dropReferrers,
  duplicateReferrers,
  type FaultyRegistry,
  on,
  referrerFlood,
  renameReferrers,
  serveAs,
  startFaultyRegistry,
  status,
  withHeaders,
} from "../../support/registry-of-faults.ts";

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

/** Wants a token and has none to give. */
function demandNonsense(): Fault {
  const challenge = { "www-authenticate": `Bearer realm="http://${registry.host}/token"` };
  return (exchange) => (exchange.url.startsWith("/token") ? jsonReply(200, {}) : status(401, challenge)(exchange));
}

const push = () => pushImage(registry, { repository: "shop/web", tag: `t${++count}` });
const targetOf = ({ pinned, digest }: PushedImage) => {
  const repository = parseReference(pinned);
  return { client, repository, digest, signal: AbortSignal.timeout(5000) };
};
const discover = (image: PushedImage) => discoverArtifacts(targetOf(image));

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

describe("an SBOM under cosign's tag", () => {
  const SPDX = "text/spdx+json";
  it("is told and is no evidence, since nobody signed it", async () => {
    const image = await push();
    await attach(image, { mediaType: SPDX }, "sbom");
    expect(await discover(image)).toEqual({
      artifacts: [],
      notes: ["an SBOM under the .sbom tag, which nobody signed"],
      failures: [],
    });
  });

  it("is not asked for beside an attestation, and its look-up is no failure", async () => {
    const image = await push();
    registry.inject(on(/\.sbom/, status(500)));
    expect((await discover(image)).failures).toEqual([]);
    await attach(image, { mediaType: DSSE_ENVELOPE }, "att");
    registry.calm();
    await discover(image);
    expect(registry.requests.filter(({ url }) => url.endsWith(".sbom"))).toEqual([]);
  });
});

const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
/** Pushes a bundle as a registry without the referrers API keeps it: under the fallback tag. */
async function attachUnderTag(image: PushedImage, artifactType?: string): Promise<void> {
  await attach(image, { mediaType: BUNDLE });
  const [listed] = registry.store.referrers(image.repository, image.digest);
  const manifests = [{ ...listed, artifactType }];
  const index = { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
  await pushManifest(registry, image.repository, index, image.digest.replace(":", "-"));
}
const kinds = async (image: PushedImage) => (await discover(image)).artifacts.map(({ kind }) => kind);

describe("referrers are found", () => {
  it.each([404, 405, 406, 501])("under the fallback tag where the API answers %d", async (code) => {
    const image = await push();
    await attachUnderTag(image);
    registry.inject(on(/referrers/, status(code)));
    expect(await kinds(image)).toEqual(["bundle"]);
  });

  it("under the fallback tag where the API is new and lists nothing", async () => {
    const image = await push();
    await attachUnderTag(image);
    registry.inject(on(/referrers/, dropReferrers()));
    expect(await kinds(image)).toEqual(["bundle"]);
  });

  it.each(["application/vnd.example", undefined])(
    "by what they are, when the list calls them %s",
    async (artifactType) => {
      const image = await push();
      await attachUnderTag(image, artifactType);
      registry.inject(on(/referrers/, status(404)));
      expect(await kinds(image)).toEqual(["bundle"]);
      registry.calm();
      registry.inject(on(/referrers/, renameReferrers(artifactType ?? "")));
      expect(await kinds(image)).toEqual(["bundle"]);
    },
  );

  it("once, when they are listed many times, and are read once", async () => {
    const image = await push();
    await attach(image, { mediaType: BUNDLE });
    registry.calm();
    registry.inject(on(/referrers/, duplicateReferrers(20)));
    expect(await kinds(image)).toEqual(["bundle"]);
    expect(registry.requests.filter(({ url }) => url.includes("/blobs/"))).toHaveLength(1);
  });
});

describe("referrers are not found", () => {
  it("when the registry keeps quiet about them: that is nothing, and no failure", async () => {
    const image = await push();
    await attach(image, { mediaType: BUNDLE });
    registry.inject(on(/referrers/, dropReferrers()));
    expect(await discover(image)).toEqual({ artifacts: [], notes: [], failures: [] });
  });

  it.each([400, 401, 403, 500, 502])(
    "when the API answers %d: that is a failure, and the rest is handed out",
    async (code) => {
      const image = await push();
      await attach(image, { mediaType: DSSE_ENVELOPE }, "att");
      registry.inject(on(/referrers/, status(code)));
      const found = await discover(image);
      expect(found.artifacts).toMatchObject([{ kind: "envelope" }]);
      expect(found.failures).toMatchObject([{ code: expect.stringMatching(/^REGISTRY_/) }]);
    },
  );

  it("beyond the cap of a flood of ten thousand, and that is noted", async () => {
    const image = await push();
    registry.calm();
    registry.inject(on(/referrers/, referrerFlood(10_000)));
    expect((await discover(image)).notes).toEqual([`more than ${ARTIFACTS_PER_IMAGE} referrers, the rest not read`]);
    expect(registry.requests.length).toBeLessThan(ARTIFACTS_PER_IMAGE + 10);
  });

  it("beyond so many bytes of their manifests, and that is noted", async () => {
    const image = await push();
    const filler = "x".repeat(3 * 1024 * 1024);
    const subject = { mediaType: image.mediaType, digest: image.digest, size: image.size };
    const config = await pushBlob(registry, image.repository, OCI_EMPTY, Buffer.from("{}"));
    const base = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [], subject };
    for (let nth = 0; nth < 16; nth++) {
      await pushManifest(registry, image.repository, { ...base, filler, nth } as never);
    }
    registry.calm();
    expect((await discover(image)).notes).toEqual([
      `more than ${ATTACHED_LIMIT_BYTES} bytes of referrers, the rest not read`,
    ]);
    expect(registry.requests.filter(({ url }) => url.includes("/manifests/sha256:")).length).toBeLessThan(16);
  });

  it("in an index among the referrers, which is passed over", async () => {
    const image = await push();
    const subject = { mediaType: image.mediaType, digest: image.digest, size: image.size };
    await pushManifest(registry, image.repository, {
      schemaVersion: 2,
      mediaType: OCI_INDEX,
      manifests: [],
      subject,
    } as never);
    expect(await discover(image)).toEqual({ artifacts: [], notes: [], failures: [] });
  });

  it("when somebody attached what cannot be read, which keeps nothing else from being found", async () => {
    const image = await push();
    await attach(image, { mediaType: BUNDLE });
    const subject = { mediaType: image.mediaType, digest: image.digest, size: image.size };
    await pushManifest(registry, image.repository, { schemaVersion: 2, mediaType: OCI_MANIFEST, subject } as never);
    expect(await discover(image)).toMatchObject({
      artifacts: [{ kind: "bundle" }],
      notes: ["a referrer that cannot be read"],
      failures: [],
    });
  });

  it.each([
    ["by another kind of digest", { mediaType: OCI_MANIFEST, digest: `sha512:${"1".repeat(128)}`, size: 2 }],
    ["with annotations that are none", { annotations: { x: 1 } }],
  ])("when one entry of the list is %s, which keeps nothing else from being found", async (_how, strange) => {
    const image = await push();
    await attach(image, { mediaType: BUNDLE });
    registry.inject(
      on(/referrers/, ({ reply }) => {
        const list = JSON.parse(Buffer.from(reply.body as Uint8Array).toString()) as { manifests: object[] };
        list.manifests.unshift({ ...list.manifests[0], ...strange });
        return { ...reply, body: Buffer.from(JSON.stringify(list)) };
      }),
    );
    expect(await discover(image)).toMatchObject({
      artifacts: [{ kind: "bundle" }],
      notes: ["a referrer whose entry in the list cannot be read"],
      failures: [],
    });
  });

  it("when there is no room for them, which is a failure", async () => {
    const image = await push();
    await attach(image, { mediaType: BUNDLE });
    const reserve = () => Promise.reject(new Error("no room"));
    const found = await discoverArtifacts({ ...targetOf(image), reserve });
    expect(found).toMatchObject({ artifacts: [], notes: [], failures: [{ message: "no room" }] });
  });

  it.each([
    ["whose token service fails meanwhile", demandNonsense, "REGISTRY_TOKEN_MALFORMED"],
    ["that is compressed on its way", () => withHeaders({ "content-encoding": "gzip" }), "REGISTRY_ENCODING_REFUSED"],
  ])("in a manifest %s: that is a failure, since its bytes were not seen", async (_how, fault, code) => {
    const image = await push();
    await attach(image, { mediaType: BUNDLE });
    registry.inject(on(/manifests.sha256:|^.token/, fault()));
    expect(await discover(image)).toMatchObject({ artifacts: [], notes: [], failures: [{ code }] });
  });

  it("in a list that is none, which is a failure", async () => {
    const image = await push();
    registry.inject(on(/referrers/, serveAs(OCI_INDEX, '{"schemaVersion":2,"manifests":{}}')));
    expect((await discover(image)).failures).toMatchObject([{ code: "REGISTRY_MALFORMED" }]);
  });
});
