import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage, pushIndex } from "../../../../cli/demo/registry/registry.ts";
import type { Fault } from "../../../../cli/demo/registry/reply.ts";
import {
  HEADERS_LIMIT_BYTES,
  LAYERS_PER_IMAGE,
  MANIFEST_LIMIT_BYTES,
  MANIFEST_MEMBERS,
  MANIFESTS_PER_INDEX,
} from "../../../../core/images/limits.ts";
import { DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST } from "../../../../core/images/media-types.ts";
import { parseReference } from "../../../../core/images/reference.ts";
import { createRegistryClient, type RegistryClient } from "../../../../core/images/registry-client.ts";
import { JSON_DEPTH_LIMIT } from "../../../../core/wire/json.ts";
import {
  both,
  dripHeaders,
  type FaultyRegistry,
  flipDigest,
  gzipBomb,
  hugeHeaders,
  hugeManifest,
  jsonBomb,
  manyLayers,
  mislabel,
  moveTag,
  nestedIndex,
  on,
  reset,
  schema1,
  serveAs,
  startFaultyRegistry,
  truncate,
  twinPlatforms,
  wrongDigestHeader,
  wrongLength,
} from "../../../support/registry-of-faults.ts";

let registry: FaultyRegistry;
let image: PushedImage;
const clients: RegistryClient[] = [];

beforeAll(async () => {
  registry = await startFaultyRegistry();
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
});
afterEach(async () => {
  registry.calm();
  await Promise.all(clients.splice(0).map((client) => client.close()));
});
afterAll(() => registry.close());

const ask = (reference = "1", requestDeadlineMs = 3000) => {
  const client = createRegistryClient({
    registries: [{ host: registry.host, plainHttp: true }],
    requestDeadlineMs,
  });
  clients.push(client);
  return client.manifest(parseReference(image.reference), reference, AbortSignal.timeout(4000));
};

const DIGEST = `sha256:${"1".repeat(64)}`;
const OTHER = `sha256:${"2".repeat(64)}`;
const descriptor = (more: object = {}) => ({ mediaType: OCI_MANIFEST, digest: DIGEST, size: 2, ...more });
const index = (manifests: readonly object[], more: object = {}) =>
  serveAs(OCI_INDEX, JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests, ...more }));
const manifest = (more: object) =>
  serveAs(
    OCI_MANIFEST,
    JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: descriptor(), layers: [], ...more }),
  );
const linux = { os: "linux", architecture: "arm64" };

describe("a manifest over a real socket is refused", () => {
  const attacks: [given: string, fault: () => Fault, code: string, why: string][] = [
    ["of schema 1", schema1, "REGISTRY_SCHEMA_1", "is a Docker schema 1 manifest"],
    [
      "of schema 1 by its content alone",
      () => serveAs(OCI_MANIFEST, '{"schemaVersion":1}'),
      "REGISTRY_SCHEMA_1",
      "schema 1",
    ],
    [
      "larger than any honest one",
      () => hugeManifest(MANIFEST_LIMIT_BYTES),
      "REGISTRY_TOO_LARGE",
      `larger than ${MANIFEST_LIMIT_BYTES} bytes`,
    ],
    [
      "of more layers than run",
      () => manyLayers(LAYERS_PER_IMAGE + 1),
      "REGISTRY_TOO_LARGE",
      `more than ${LAYERS_PER_IMAGE} layers`,
    ],
    [
      "of so many members that reading them would take seconds",
      () => manifest({ filler: Array(MANIFEST_MEMBERS).fill(0) }),
      "REGISTRY_MALFORMED",
      `more than ${MANIFEST_MEMBERS} members`,
    ],
    ["nested without measure", () => jsonBomb(100_000), "REGISTRY_MALFORMED", `nested deeper than ${JSON_DEPTH_LIMIT}`],
    [
      "nested a step too deep",
      () => jsonBomb(JSON_DEPTH_LIMIT),
      "REGISTRY_MALFORMED",
      `nested deeper than ${JSON_DEPTH_LIMIT}`,
    ],
    ["that is a gzip bomb", () => gzipBomb(), "REGISTRY_ENCODING_REFUSED", "content-encoding gzip, not asked for"],
    [
      "with headers without measure",
      () => hugeHeaders(2 * HEADERS_LIMIT_BYTES),
      "REGISTRY_TOO_LARGE",
      `headers are larger than ${HEADERS_LIMIT_BYTES} bytes`,
    ],
    ["whose headers drip", () => dripHeaders(5), "REGISTRY_TIMEOUT", "no whole answer"],
    ["whose connection is reset", reset, "REGISTRY_UNREACHABLE", "ECONNRESET|other side closed|terminated"],
    ["that breaks off", () => truncate(30), "REGISTRY_UNREACHABLE", "other side closed|terminated|aborted"],
    ["shorter than announced", () => wrongLength(7), "REGISTRY_TIMEOUT", "no whole answer"],
    ["longer than announced", () => wrongLength(-7), "REGISTRY_DIGEST_MISMATCH", "the bytes received are"],
    ["under a digest of others", () => wrongDigestHeader(), "REGISTRY_DIGEST_MISMATCH", "the bytes received are"],
    [
      "labelled as Docker's while it calls itself OCI's",
      () => mislabel(DOCKER_MANIFEST),
      "REGISTRY_MALFORMED",
      "it calls itself .* and its answer",
    ],
    [
      "that is an image and an index at once",
      () => manifest({ manifests: [descriptor()] }),
      "REGISTRY_AMBIGUOUS_INDEX",
      "an image and an index at once",
    ],
    [
      "that is an index and an image at once",
      () => index([descriptor()], { layers: [] }),
      "REGISTRY_AMBIGUOUS_INDEX",
      "an image and an index at once",
    ],
    [
      "that has its layers twice",
      () => serveAs(OCI_MANIFEST, `{"schemaVersion":2,"mediaType":"${OCI_MANIFEST}","layers":[],"layers":[]}`),
      "REGISTRY_MALFORMED",
      'the name "layers" twice in one object',
    ],
    [
      "whose child has a second digest",
      () => index([descriptor({ Digest: OTHER })]),
      "REGISTRY_MALFORMED",
      'it says "Digest" for "digest"',
    ],
    ...["Layers", "LAYERS", "layer\u017f"].map((name): (typeof attacks)[number] => [
      `that also has ${name}, which a runtime would take for layers`,
      () => manifest({ [name]: [descriptor({ digest: OTHER })] }),
      "REGISTRY_MALFORMED",
      `it says .* for "layers"`,
    ]),
    [
      "with a digest that is none",
      () => manifest({ layers: [descriptor({ digest: "sha256:../../etc" })] }),
      "REGISTRY_MALFORMED",
      "layers.0.digest: expected a sha256 digest",
    ],
    [
      "with a size below nothing",
      () => manifest({ layers: [descriptor({ size: -1 })] }),
      "REGISTRY_MALFORMED",
      "layers.0.size",
    ],
    [
      "with a layer from elsewhere",
      () => manifest({ layers: [descriptor({ urls: ["https://169.254.169.254/x"] })] }),
      "REGISTRY_FOREIGN_LAYERS",
      `layer ${DIGEST} is to be fetched from https://169.254.169.254/x`,
    ],
    ["that is an index in an index", nestedIndex, "REGISTRY_NESTED_INDEX", "its entry sha256:1+ is an index"],
    [
      "with two children for one platform",
      twinPlatforms,
      "REGISTRY_AMBIGUOUS_INDEX",
      `both ${DIGEST} and ${OTHER} are for linux/amd64`,
    ],
    [
      "with two children for one platform in two spellings",
      () =>
        index([descriptor({ platform: linux }), descriptor({ digest: OTHER, platform: { ...linux, variant: "v8" } })]),
      "REGISTRY_AMBIGUOUS_INDEX",
      "are for linux/arm64/v8",
    ],
    [
      "with two children for one platform under two names",
      () =>
        index([
          descriptor({ platform: linux }),
          descriptor({ digest: OTHER, platform: { os: "Linux", architecture: "aarch64" } }),
        ]),
      "REGISTRY_AMBIGUOUS_INDEX",
      "are for linux/arm64/v8",
    ],
    [
      "with two children for no platform",
      () => index([descriptor(), descriptor({ digest: OTHER })]),
      "REGISTRY_AMBIGUOUS_INDEX",
      "are for every platform",
    ],
    [
      "with more children than are read",
      () => index(Array.from({ length: MANIFESTS_PER_INDEX + 1 }, () => descriptor())),
      "REGISTRY_TOO_LARGE",
      `more than ${MANIFESTS_PER_INDEX} manifests`,
    ],
  ];
  it.each(attacks)("%s", async (_given, fault, code, why) => {
    registry.inject(on(/manifests/, fault()));
    const asked = ask("1", code === "REGISTRY_TIMEOUT" ? 100 : undefined);
    await expect(asked).rejects.toMatchObject({ code, message: expect.stringMatching(new RegExp(why)) });
  });
});

describe("an index is read", () => {
  it("with annotations whose names differ in case, since those are a map", async () => {
    registry.inject(on(/manifests/, index([descriptor()], { annotations: { layers: "a", Layers: "b" } })));
    expect(await ask()).toMatchObject({ kind: "index" });
  });

  it("with several platforms, variants and versions, and attestations of no platform", async () => {
    const platforms = [
      { os: "linux", architecture: "amd64" },
      { os: "linux", architecture: "arm", variant: "v6" },
      { os: "linux", architecture: "arm", variant: "v7" },
      { os: "windows", architecture: "amd64", "os.version": "10.0.17763" },
      { os: "windows", architecture: "amd64", "os.version": "10.0.20348" },
      { os: "unknown", architecture: "unknown" },
      { os: "unknown", architecture: "unknown" },
    ];
    const children = platforms.map((platform, n) => descriptor({ digest: `sha256:${String(n).repeat(64)}`, platform }));
    registry.inject(on(/manifests/, index(children)));
    expect(await ask()).toMatchObject({ kind: "index", content: { manifests: children } });
  });

  it("whose child is listed twice over, since there is nothing to choose", async () => {
    registry.inject(on(/manifests/, index([descriptor({ platform: linux }), descriptor({ platform: linux })])));
    expect(await ask()).toMatchObject({ kind: "index" });
  });

  it("as pushed", async () => {
    const arm = await pushImage(registry, { repository: "shop/web", tag: "arm", architecture: "arm64" });
    const pushed = await pushIndex(registry, { repository: "shop/web", tag: "multi" }, [image, arm]);
    expect(await ask("multi")).toMatchObject({ digest: pushed.digest, kind: "index" });
  });
});

describe("two reads of one thing that differ", () => {
  it("are two images when a tag moved between them, and the digest of the first still holds", async () => {
    const other = await pushImage(registry, { repository: "shop/web", tag: "next", files: { "/x": "y" } });
    registry.inject(on(/manifests\/1$/, moveTag(registry.store.manifest("shop/web", other.digest) as never)));
    const digests = [await ask(), await ask()].map((found) => found?.digest);
    expect(digests).toEqual([image.digest, other.digest]);
    expect((await ask(image.digest))?.digest).toBe(image.digest);
  });

  it("are one image and a refusal when a digest's bytes flip", async () => {
    registry.inject(on(/manifests/, both(mislabel(OCI_MANIFEST), flipDigest('{"schemaVersion":2}'))));
    expect((await ask(image.digest))?.digest).toBe(image.digest);
    await expect(ask(image.digest)).rejects.toMatchObject({ code: "REGISTRY_DIGEST_MISMATCH" });
  });
});

describe("a host in another spelling than its own is not asked", () => {
  it.each(["0177.0.0.1:5000", "0x7f.0.0.1:5000", "2130706433:5000", "127.1:5000", "[0:0:0:0:0:0:0:1]:5000"])(
    "%s",
    async (host) => {
      const client = createRegistryClient({
        registries: [
          { host: "127.0.0.1:5000", plainHttp: true },
          { host: "[::1]:5000", plainHttp: true },
        ],
      });
      await expect(
        client.manifest(parseReference(`${host}/shop/web:1`), "1", AbortSignal.timeout(1000)),
      ).rejects.toMatchObject({
        code: "REGISTRY_ADDRESS_REFUSED",
        message: expect.stringMatching(/is another spelling of/),
      });
    },
  );
});
