import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage } from "../../../cli/demo/registry/registry.ts";
import { MANIFEST_LIMIT_BYTES, REFERRER_PAGES } from "../../../core/images/limits.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../../core/images/media-types.ts";
import { parseReference } from "../../../core/images/reference.ts";
import { FAILURE_LIMIT_CHARS } from "../../../core/images/registry/answer.ts";
import { parseChallenge } from "../../../core/images/registry/challenge.ts";
import type { RegistryHost } from "../../../core/images/registry/hosts.ts";
import { createRegistryClient, type RegistryClient } from "../../../core/images/registry-client.ts";
import {
  dawdle,
  demandToken,
  endless,
  type FaultyRegistry,
  firstTimes,
  floodReferrers,
  on,
  redirectTo,
  reset,
  serve,
  serveAs,
  startFaultyRegistry,
  status,
  truncate,
  withHeaders,
} from "../../support/registry-of-faults.ts";

const EMPTY = {
  schemaVersion: 2,
  config: { mediaType: "x", digest: `sha256:${"1".repeat(64)}`, size: 2 },
  layers: [],
};
let registry: FaultyRegistry;
let other: FaultyRegistry;
let image: PushedImage;
const clients: RegistryClient[] = [];

beforeAll(async () => {
  registry = await startFaultyRegistry();
  other = await startFaultyRegistry("127.0.0.2");
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
  await pushImage(other, { repository: "shop/web", tag: "1" });
});

afterEach(async () => {
  registry.calm();
  other.calm();
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

afterAll(() => Promise.all([registry.close(), other.close()]));

/** A client that knows the first registry only, unless told more. */
function client(own: Partial<RegistryHost> = {}, more: readonly RegistryHost[] = []): RegistryClient {
  const registries = [{ host: registry.host, plainHttp: true, ...own }, ...more];
  const created = createRegistryClient({ registries, requestDeadlineMs: 400 });
  clients.push(created);
  return created;
}

const never = new AbortController().signal;
const manifest = (reference: string, from = client()) =>
  from.manifest(parseReference(image.reference), reference, never);
const coded = (code: string) => expect.objectContaining({ code });

describe("a manifest", () => {
  it("is read by tag and its digest is that of the bytes", async () => {
    expect(await manifest("1")).toMatchObject({ digest: image.digest, kind: "image" });
  });
  it("is asked for again, once, when a connection closes instead of an answer", async () => {
    registry.inject(on(/manifests/, firstTimes(1, reset())));
    expect(await manifest("1")).toMatchObject({ digest: image.digest });
    registry.calm();
    registry.inject(on(/manifests/, firstTimes(2, reset())));
    await expect(manifest("1")).rejects.toEqual(coded("REGISTRY_UNREACHABLE"));
  });

  it("that is not there is undefined, not an error", async () => expect(await manifest("2")).toBeUndefined());

  const lies: [given: string, fault: Parameters<typeof on>[1], code: string][] = [
    ["whose bytes are others'", serve("{}"), "REGISTRY_DIGEST_MISMATCH"],
    ["cut in the middle", truncate(40), "REGISTRY_UNREACHABLE"],
    ["without an end", endless(), "REGISTRY_TOO_LARGE"],
    ["that dawdles", dawdle(50), "REGISTRY_TIMEOUT"],
    ["answered 500", status(500), "REGISTRY_UNAVAILABLE"],
    ["answered 418", status(418), "REGISTRY_STATUS"],
    ["answered 403", status(403), "REGISTRY_DENIED"],
    [
      "under a digest header of another",
      withHeaders({ "docker-content-digest": `sha256:${"0".repeat(64)}` }),
      "REGISTRY_DIGEST_MISMATCH",
    ],
    ["labelled as an index", withHeaders({ "content-type": OCI_INDEX }), "REGISTRY_MALFORMED"],
    [
      "labelled as schema 1",
      withHeaders({ "content-type": "application/vnd.docker.distribution.manifest.v1+prettyjws" }),
      "REGISTRY_SCHEMA_1",
    ],
    ["compressed though nobody asked", withHeaders({ "content-encoding": "gzip" }), "REGISTRY_ENCODING_REFUSED"],
    ["that redirects in a circle", redirectTo("/v2/shop/web/manifests/1"), "REGISTRY_REDIRECT_REFUSED"],
    ["401 again and again", status(401, { "www-authenticate": "Basic realm=x" }), "REGISTRY_DENIED"],
    ["401 with no challenge", status(401), "REGISTRY_DENIED"],
  ];
  it.each(lies)("%s is refused", async (_given, fault, code) => {
    registry.inject(on(/manifests/, fault));
    await expect(manifest("1")).rejects.toEqual(coded(code));
  });

  const contents: [given: string, bytes: string, code: string][] = [
    ["that is no JSON", "<html>", "REGISTRY_MALFORMED"],
    ["of schema version 1", '{"schemaVersion":1}', "REGISTRY_SCHEMA_1"],
    [
      "without layers",
      '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json"}',
      "REGISTRY_MALFORMED",
    ],
    ["of an unknown type", '{"schemaVersion":2,"mediaType":"text/plain"}', "REGISTRY_MALFORMED"],
  ];
  it.each(contents)("%s is refused", async (_given, bytes, code) => {
    registry.inject(on(/manifests/, ({ reply }) => ({ ...reply, headers: {}, body: new TextEncoder().encode(bytes) })));
    await expect(manifest("1")).rejects.toEqual(coded(code));
  });

  it.each([
    ["a redirect", redirectTo(`https://user@${"a".repeat(20_000)}/`)],
    ["a redirect to a name that is none", redirectTo(`https://${"a".repeat(20_000)}/`)],
    ["a field's name", serveAs(OCI_MANIFEST, JSON.stringify({ ...EMPTY, annotations: { ["x".repeat(20_000)]: 1 } }))],
  ])("is refused in few words, however long %s is", async (_what, fault) => {
    registry.inject(on(/manifests/, fault));
    const refusal = await client()
      .manifest(parseReference(image.reference), "1", never)
      .catch((thrown) => thrown);
    expect(refusal.message.length).toBeLessThanOrEqual(FAILURE_LIMIT_CHARS);
  });

  it("stops being waited for when the caller's deadline passes, and says which registry was slow", async () => {
    registry.inject(on(/manifests/, dawdle(50)));
    const asked = client().manifest(parseReference(image.reference), "1", AbortSignal.timeout(20));
    await expect(asked).rejects.toMatchObject({
      code: "REGISTRY_TIMEOUT",
      message: expect.stringContaining(registry.host),
    });
  });

  it("does not read an endless answer past the limit", async () => {
    let sent = 0;
    registry.inject(
      on(/manifests/, ({ reply }) => ({
        ...reply,
        body: (async function* () {
          for (;;) {
            sent += 1 << 20;
            yield new Uint8Array(1 << 20);
          }
        })(),
      })),
    );
    await expect(manifest("1")).rejects.toEqual(coded("REGISTRY_TOO_LARGE"));
    expect(sent).toBeLessThan(8 * MANIFEST_LIMIT_BYTES);
  });
});

describe("credentials", () => {
  const credentials = { username: "robot", password: "secret" };

  it("are exchanged for a token that reads this repository only", async () => {
    registry.inject(demandToken(registry.host, "t0k3n"));
    expect(await manifest("1", client({ credentials }))).toMatchObject({ digest: image.digest });
    const [, token] = registry.requests;
    expect(token?.authorization).toMatch(/^Basic /);
    expect(decodeURIComponent(token?.url ?? "")).toContain("scope=repository:shop/web:pull");
  });

  it("are not needed for an anonymous token, which is used again", async () => {
    registry.inject(demandToken(registry.host, "t0k3n"));
    const one = client();
    await manifest("1", one);
    await manifest("1", one);
    expect(registry.requests.filter(({ url }) => url.startsWith("/token"))).toHaveLength(1);
    expect(registry.requests.at(-1)?.authorization).toBe("Bearer t0k3n");
  });

  it("are sent as Basic when the registry asks for that, and not before it asks", async () => {
    registry.inject(({ headers }) =>
      headers["authorization"] === undefined
        ? (status(401, { "www-authenticate": 'Basic realm="r"' })({} as never) as never)
        : undefined,
    );
    expect(await manifest("1", client({ credentials }))).toMatchObject({ digest: image.digest });
    expect(registry.requests.map(({ authorization }) => authorization?.split(" ")[0])).toEqual([undefined, "Basic"]);
  });

  it("never follow a redirect to another host", async () => {
    registry.inject(
      demandToken(registry.host, "t0k3n"),
      on(/blobs/, redirectTo(`http://${other.host}/v2/shop/web/manifests/1`)),
    );
    const both = client({ credentials }, [{ host: other.host, plainHttp: true }]);
    const blob = { mediaType: "x", digest: image.digest, size: 10_000 };
    await both.blob(parseReference(image.reference), blob, 10_000, never).catch(() => {});
    expect(other.requests).toHaveLength(1);
    expect(other.requests[0]?.authorization).toBeUndefined();
  });

  it("of one registry are not used for another", async () => {
    const both = client({ credentials }, [{ host: other.host, plainHttp: true }]);
    other.inject(status(401, { "www-authenticate": "Basic realm=x" }));
    await expect(both.manifest(parseReference(`${other.host}/shop/web:1`), "1", never)).rejects.toEqual(
      coded("REGISTRY_DENIED"),
    );
    expect(other.requests.every(({ authorization }) => authorization === undefined)).toBe(true);
  });

  it.each([
    ["the cloud's metadata", "http://169.254.169.254/latest"],
    ["a service of this machine", "http://127.0.0.9:9443/token"],
    ["another host over https", "https://collector.example/token"],
    ["a file", "file:///etc/passwd"],
    ["no URL", "token"],
  ])("are not sent to a realm that is %s", async (_what, realm) => {
    registry.inject(demandToken(registry.host, "t", realm));
    await expect(manifest("1", client({ credentials }))).rejects.toEqual(coded("REGISTRY_REALM_REFUSED"));
  });
});

describe("a redirect is not followed", () => {
  it.each([
    ["to the cloud's metadata", "https://169.254.169.254/latest"],
    ["to a service of this machine", "https://127.0.0.1:6443/api"],
    ["to localhost by name", "https://localhost:6443/api"],
    ["to plain HTTP elsewhere", "http://example.com/"],
    ["with user info", "https://user@example.com/"],
  ])("%s", async (_where, location) => {
    registry.inject(on(/manifests/, redirectTo(location)));
    await expect(manifest("1")).rejects.toEqual(coded("REGISTRY_REDIRECT_REFUSED"));
  });
});

describe("a host that is not configured", () => {
  it.each(["127.0.0.1:1/web:1", "localhost/web:1", "[::1]:5000/web:1", "169.254.169.254/web:1"])(
    "%s is not asked",
    async (text) => {
      const reference = parseReference(text);
      await expect(client().manifest(reference, "1", never)).rejects.toEqual(coded("REGISTRY_ADDRESS_REFUSED"));
    },
  );

  it("is asked over https even on the port of one that is plain", async () => {
    await expect(client().manifest(parseReference(`${other.host}/shop/web:1`), "1", never)).rejects.toMatchObject({
      code: expect.stringMatching(/^REGISTRY_/),
    });
    expect(other.requests).toEqual([]);
  });
});

describe("referrers", () => {
  const referrers = () => client().referrers(parseReference(image.reference), image.digest, never);

  it("of an image that has none are an empty list", async () =>
    expect(await referrers()).toEqual({ descriptors: [], truncated: false }));

  it.each([404, 405, 406, 501])("are those of the fallback tag where the API answers %d", async (code) => {
    registry.inject(on(/referrers/, status(code)));
    expect(await referrers()).toEqual({ descriptors: [], truncated: false });
    expect(registry.requests.at(-1)?.url).toBe(`/v2/shop/web/manifests/${image.digest.replace(":", "-")}`);
  });

  it("in a flood are read up to the cap, and that is said", async () => {
    registry.inject(on(/referrers/, floodReferrers(20)));
    const found = await referrers();
    expect(found?.truncated).toBe(true);
    expect(registry.requests.length).toBeLessThanOrEqual(REFERRER_PAGES);
  });

  it("on a next page that is hard to find are looked for in no time", async () => {
    registry.inject(on(/referrers/, withHeaders({ link: "<".repeat(30_000) })));
    await referrers(); // connects, so that only the header is timed
    const fromMs = performance.now();
    for (let times = 0; times < 10; times++) await referrers();
    expect(performance.now() - fromMs).toBeLessThan(4000); // half a second and more each, were it to grow with the square
  });

  it("on a next page at another host are refused", async () => {
    registry.inject(on(/referrers/, withHeaders({ link: '<https://elsewhere.example/next>; rel="next"' })));
    await expect(referrers()).rejects.toEqual(coded("REGISTRY_MALFORMED"));
  });
});

describe("a challenge", () => {
  it.each([
    ['Bearer realm="https://a/t",service="s"', { scheme: "bearer", realm: "https://a/t", service: "s" }],
    ["bearer service=s, realm=https://a/t", { scheme: "bearer", realm: "https://a/t", service: "s" }],
    ['Basic realm="x"', { scheme: "basic" }],
    ["Bearer", undefined],
    ["Negotiate", undefined],
    ["", undefined],
  ])("%s", (header, challenge) => expect(parseChallenge(header)).toEqual(challenge));
});
