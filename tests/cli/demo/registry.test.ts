import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type EmbeddedRegistry, pushImage, startRegistry } from "../../../cli/demo/registry/registry.ts";
import { REFERRERS_PER_PAGE } from "../../../cli/demo/registry/routes.ts";
import { attachReferrer } from "../../../cli/demo/signing/bundle.ts";
import { digestOf } from "../../../core/images/digest.ts";
import { OCI_MANIFEST, SIGSTORE_BUNDLE } from "../../../core/images/media-types.ts";

let registry: EmbeddedRegistry;
beforeAll(async () => {
  registry = await startRegistry({ host: "127.0.0.1", port: 0 });
});
afterAll(() => registry.close());

const call = (method: string, path: string, body?: string | Uint8Array, headers: Record<string, string> = {}) =>
  fetch(`http://${registry.host}${path}`, {
    method,
    headers,
    ...(body === undefined ? {} : { body: body as BodyInit }),
  });

describe("the embedded registry, as docker-like clients use it", () => {
  it("says that it speaks the API", async () => expect((await call("GET", "/v2/")).status).toBe(200));

  it("takes a blob in one piece, in chunks, and by POST with its digest", async () => {
    const digest = digestOf("hello world");
    const start = await call("POST", "/v2/a/b/blobs/uploads/");
    expect(start.status).toBe(202);
    const upload = start.headers.get("location") ?? "";
    expect((await call("PATCH", upload, "hello ")).headers.get("range")).toBe("0-5");
    expect((await call("GET", upload)).status).toBe(204);
    expect((await call("PUT", `${upload}?digest=${digest}`, "world")).status).toBe(201);
    expect(await (await call("GET", `/v2/a/b/blobs/${digest}`)).text()).toBe("hello world");
    const head = await call("HEAD", `/v2/a/b/blobs/${digest}`);
    expect([head.status, head.headers.get("content-length")]).toEqual([200, "11"]);
    expect((await call("POST", `/v2/a/b/blobs/uploads/?digest=${digestOf("x")}`, "x")).status).toBe(201);
    expect((await call("POST", `/v2/c/d/blobs/uploads/?mount=${digest}&from=a/b`)).status).toBe(201);
  });

  it("refuses bytes that are not what their digest says", async () => {
    const wrong = digestOf("other");
    expect((await call("POST", `/v2/a/b/blobs/uploads/?digest=${wrong}`, "x")).status).toBe(400);
    expect((await call("PUT", `/v2/a/b/manifests/${wrong}`, "{}", { "content-type": OCI_MANIFEST })).status).toBe(400);
    expect((await call("PUT", "/v2/a/b/manifests/1", "no json")).status).toBe(400);
  });

  it("answers 404 in the API's form for what it does not have", async () => {
    for (const path of [
      "/v2/a/b/manifests/none",
      `/v2/a/b/blobs/${digestOf("none")}`,
      "/v2/none/tags/list",
      "/v2/A/b/tags/list",
    ]) {
      const answer = await call("GET", path);
      expect(answer.status).toBe(404);
      expect(await answer.json()).toMatchObject({ errors: [{ code: expect.any(String) }] });
    }
  });

  it("lists tags, and deletes them", async () => {
    await pushImage(registry, { repository: "tags/x", tag: "b" });
    await pushImage(registry, { repository: "tags/x", tag: "a" });
    expect(await (await call("GET", "/v2/tags/x/tags/list")).json()).toEqual({ name: "tags/x", tags: ["a", "b"] });
    expect(await (await call("GET", "/v2/tags/x/tags/list?n=1&last=a")).json()).toMatchObject({ tags: ["b"] });
    expect((await call("DELETE", "/v2/tags/x/manifests/a")).status).toBe(202);
    expect(await (await call("GET", "/v2/tags/x/tags/list")).json()).toMatchObject({ tags: ["b"] });
  });

  it("lists referrers page by page, and by artifact type", async () => {
    const image = await pushImage(registry, { repository: "ref/x", tag: "1" });
    for (let n = 0; n <= REFERRERS_PER_PAGE; n++)
      await attachReferrer(registry, image, new TextEncoder().encode(`${n}`), {});
    const first = await call("GET", `/v2/ref/x/referrers/${image.digest}`);
    expect(((await first.json()) as { manifests: unknown[] }).manifests).toHaveLength(REFERRERS_PER_PAGE);
    const next = /<(.+)>/.exec(first.headers.get("link") ?? "")?.[1] ?? "";
    expect(await (await call("GET", next)).json()).toMatchObject({ manifests: [{ artifactType: SIGSTORE_BUNDLE }] });
    const none = await call("GET", `/v2/ref/x/referrers/${image.digest}?artifactType=other`);
    expect(none.headers.get("oci-filters-applied")).toBe("artifactType");
    expect(await none.json()).toMatchObject({ manifests: [] });
  });
});

describe("a pushed image", () => {
  it("is a whole one: manifest, config whose diff id is the layer's, and a package database that scanners read", async () => {
    const packages = [{ name: "openssl", version: "3.1.0-r0" }];
    const image = await pushImage(registry, {
      repository: "os/x",
      tag: "1",
      packages,
      files: { "/data/greeting": "hi" },
    });
    const manifest = await (await call("GET", `/v2/os/x/manifests/${image.digest}`)).json();
    const { config, layers } = manifest as { config: { digest: string }; layers: { digest: string }[] };
    const layer = gunzipSync(
      Buffer.from(await (await call("GET", `/v2/os/x/blobs/${layers[0]?.digest}`)).arrayBuffer()),
    );
    expect(layer.toString("latin1")).toContain("P:openssl\nV:3.1.0-r0\n");
    expect(layer.toString("latin1")).toContain("data/greeting");
    expect(await (await call("GET", `/v2/os/x/blobs/${config.digest}`)).json()).toMatchObject({
      rootfs: { diff_ids: [digestOf(layer)] },
    });
  });

  it("of equal contents has an equal digest, and another of other contents", async () => {
    const one = await pushImage(registry, { repository: "same/x", tag: "1" });
    const again = await pushImage(registry, { repository: "same/x", tag: "1" });
    const other = await pushImage(registry, { repository: "same/x", tag: "1", files: { "/x": "y" } });
    expect(again.digest).toBe(one.digest);
    expect(other.digest).not.toBe(one.digest);
  });

  it("that was tampered with is served as it now is", async () => {
    const image = await pushImage(registry, { repository: "bad/x", tag: "1" });
    registry.tamper(image.digest, new TextEncoder().encode("{}"));
    expect(await (await call("GET", "/v2/bad/x/manifests/1")).text()).toBe("{}");
  });
});

it("a port in use is named", async () => {
  const port = Number(registry.host.split(":")[1]);
  await expect(startRegistry({ host: "127.0.0.1", port })).rejects.toMatchObject({ code: "PORT_IN_USE" });
});
