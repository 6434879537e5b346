import { beforeEach, describe, expect, it } from "@jest/globals";
import { PATHS } from "../../../admission/kubernetes/paths.ts";
import { createPullSecrets, PULL_SECRETS_LIMIT, type PullSecrets } from "../../../admission/kubernetes/pull-secrets.ts";
import type { ReviewRequest } from "../../../admission/review.ts";
import { silentLog } from "../../../core/base/log.ts";
import { createTagCache } from "../../../core/images/cache/tag-cache.ts";
import { collectImageEvidence } from "../../../core/images/evidence.ts";
import { createEvidenceCache } from "../../../core/images/evidence-cache.ts";
import { parseReference } from "../../../core/images/reference.ts";
import type { RegistryClient } from "../../../core/images/registry-client.ts";
import { down, type FakeApiServer, fakeApiServer } from "../../support/fake-api-server.ts";

const never = new AbortController().signal;
const image = parseReference("ghcr.io/acme/web:1");

function secret(name: string, host: string, type = "kubernetes.io/dockerconfigjson") {
  const config = JSON.stringify({ auths: { [host]: { username: name, password: "p" } } });
  return { metadata: { name }, type, data: { ".dockerconfigjson": Buffer.from(config).toString("base64") } };
}

function podWith(secrets: readonly string[], namespace = "shop"): ReviewRequest {
  const imagePullSecrets = secrets.map((name) => ({ name }));
  return {
    ...{ uid: "u", group: "", kind: "Pod", subResource: "", namespace, name: "web", operation: "CREATE" },
    username: "author",
    dryRun: false,
    object: { metadata: { name: "web" }, spec: { containers: [{ name: "web", image: image.text }], imagePullSecrets } },
  } as ReviewRequest;
}

let api: FakeApiServer;
let pullSecrets: PullSecrets;
beforeEach(() => {
  api = fakeApiServer();
  pullSecrets = createPullSecrets(api, ["shop"], silentLog);
});
const put = (object: ReturnType<typeof secret>) => api.put(PATHS.secrets("shop"), object);
const userFor = async (request: ReviewRequest) => {
  const access = await pullSecrets.accessOf(request, never);
  const credential = access?.keyring.find(image);
  return credential?.kind === "basic" ? credential.username : undefined;
};

describe("pull secrets", () => {
  it("are those the object names, of its own namespace, in its order", async () => {
    put(secret("first", "ghcr.io"));
    put(secret("second", "ghcr.io"));
    expect(await userFor(podWith(["second", "first"]))).toBe("second");
  });

  it("of a namespace that has not opted in are not read at all", async () => {
    api.put(PATHS.secrets("other"), secret("first", "ghcr.io"));
    expect(await pullSecrets.accessOf(podWith(["first"], "other"), never)).toBeUndefined();
    expect(api.asked).toEqual([]);
  });

  it("are shown to no other host than theirs", async () => {
    put(secret("elsewhere", "registry.example.com"));
    expect(await userFor(podWith(["elsewhere"]))).toBeUndefined();
  });

  it("that are not there, or are no pull secrets, are passed over as the kubelet does", async () => {
    put(secret("opaque", "ghcr.io", "Opaque"));
    put(secret("good", "ghcr.io"));
    expect(await userFor(podWith(["absent", "opaque", "good"]))).toBe("good");
  });

  it("that may not be read refuse the review", async () => {
    api.fault = down;
    await expect(pullSecrets.accessOf(podWith(["first"]), never)).rejects.toMatchObject({
      code: "API_SERVER_UNREACHABLE",
    });
  });

  it("are read once for a while, and never outside of their namespace by an odd name", async () => {
    put(secret("first", "ghcr.io"));
    for (let time = 0; time < 3; time++) await userFor(podWith(["first", "../../other/secrets/x"]));
    const base = "GET /api/v1/namespaces/shop/secrets";
    expect(api.asked).toEqual([`${base}/first`]);
  });

  it("beyond the limit are left out", async () => {
    const names = Array.from({ length: PULL_SECRETS_LIMIT + 5 }, (_, index) => `s-${index}`);
    await pullSecrets.accessOf(podWith(names), never);
    expect(api.asked).toHaveLength(PULL_SECRETS_LIMIT);
  });
});

describe("what was found with a pull secret", () => {
  it("is kept for that secret's namespace and content alone, and so is what was not found without it", async () => {
    let asked = 0;
    const registry = { manifest: async () => void asked++ } as unknown as RegistryClient;
    const deps = { registry, cache: createEvidenceCache(), tags: createTagCache() };
    const look = (scope?: string) =>
      collectImageEvidence(image, [], { ...deps, ...(scope === undefined ? {} : { scope }) }, never);
    await look();
    await look();
    expect(asked).toBe(1);
    put(secret("first", "ghcr.io"));
    const scope = (await pullSecrets.accessOf(podWith(["first"]), never))?.scope;
    await look(scope);
    await look(scope);
    expect(asked).toBe(2);
    expect(scope).toMatch(/^shop [0-9a-f]{64}$/);
  });

  it("holds for a digest, too: what one secret may read is not shown to a namespace that may not", async () => {
    let asked = 0;
    const registry = { manifest: async () => void asked++ } as unknown as RegistryClient;
    const deps = { registry, cache: createEvidenceCache(), tags: createTagCache() };
    const pinned = parseReference(`ghcr.io/acme/web@sha256:${"9f".repeat(32)}`);
    const look = (scope: string) => collectImageEvidence(pinned, [], { ...deps, scope }, never);
    for (const scope of ["shop a", "shop a", "bank a"]) await look(scope);
    expect(asked).toBe(2);
  });
});
