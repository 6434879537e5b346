import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import type { KubernetesConfig } from "../../../admission/kubernetes/config.ts";
import { PATHS } from "../../../admission/kubernetes/paths.ts";
import { createRegistration } from "../../../admission/kubernetes/registration.ts";
import { CA_SECRET, ROTATE_ANNOTATION, readSharedAuthority } from "../../../admission/kubernetes/shared-authority.ts";
import { openSharedServing, type SharedServing } from "../../../admission/kubernetes/shared-serving.ts";
import { DAY_MS, MINUTE_MS } from "../../../core/base/clock.ts";
import { silentLog } from "../../../core/base/log.ts";
import { down, type FakeApiServer, fakeApiServer } from "../../support/fake-api-server.ts";

const NAMESPACE = "outrider-system";
const SECRET = `${PATHS.secrets(NAMESPACE)}/${CA_SECRET}`;
const CONFIG: KubernetesConfig = {
  inCluster: true,
  namespace: NAMESPACE,
  register: { service: { name: "outrider-admission", port: 443 } },
  bootstrapNamespaces: ["kube-system"],
  pullSecrets: { namespaces: [] },
  timeout: 10_000,
};
const folder = mkdtempSync(join(tmpdir(), "outrider-authority-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Secret {
  metadata: { annotations?: Record<string, string> };
  data: Record<string, string>;
}

const options = (api: FakeApiServer, nowMs = Date.now()) => ({
  api,
  namespace: NAMESPACE,
  trustDomain: "webhook.outrider.internal",
  certificateTtlMs: 30 * DAY_MS,
  learnMs: 10 * MINUTE_MS,
  clock: () => nowMs,
});

describe("the authority that replicas share", () => {
  it("is one, however many make it at once", async () => {
    const api = fakeApiServer();
    const all = await Promise.all(Array.from({ length: 5 }, () => readSharedAuthority(options(api))));
    expect(new Set(all.map((authority) => authority.bundle().join())).size).toBe(1);
    expect(api.read<Secret>(SECRET)).toMatchObject({ kind: "Secret", type: "Opaque" });
  });

  it("is rotated once, however many find it due, and the new anchor signs only after the overlap", async () => {
    const api = fakeApiServer();
    const first = await readSharedAuthority(options(api));
    const late = Date.now() + 310 * DAY_MS;
    const all = await Promise.all(Array.from({ length: 4 }, () => readSharedAuthority(options(api, late))));
    const bundles = new Set(all.map((authority) => authority.bundle().join()));
    expect(bundles.size).toBe(1);
    expect(all[0]?.bundle()).toHaveLength(2);
    expect(all[0]?.bundle()).toContain(first.bundle()[0]);
    expect(all[0]?.signingRootNotAfterMs()).toBe(first.signingRootNotAfterMs());
    const later = await readSharedAuthority(options(api, late + 11 * MINUTE_MS));
    expect(later.signingRootNotAfterMs()).toBeGreaterThan(first.signingRootNotAfterMs());
  });

  it("is rotated when somebody asks for it on the Secret, once for each time asked", async () => {
    const api = fakeApiServer();
    await readSharedAuthority(options(api));
    const secret = api.read<Secret & { metadata: { name: string } }>(SECRET);
    if (secret === undefined) throw new Error("no Secret");
    const annotations = { [ROTATE_ANNOTATION]: "now", kept: "yes" };
    api.put(PATHS.secrets(NAMESPACE), { ...secret, metadata: { ...secret.metadata, annotations } });
    expect((await readSharedAuthority(options(api))).bundle()).toHaveLength(2);
    expect((await readSharedAuthority(options(api))).bundle()).toHaveLength(2);
    expect(api.read<Secret>(SECRET)?.metadata.annotations).toEqual({ kept: "yes" });
  });

  it.each([
    ["is empty", {}],
    ["holds something else", { "roots.json": Buffer.from('{"roots":[]}').toString("base64") }],
  ])("is not replaced by another when the Secret %s", async (_, data) => {
    const api = fakeApiServer();
    api.put(PATHS.secrets(NAMESPACE), { metadata: { name: CA_SECRET }, data } as never);
    await expect(readSharedAuthority(options(api))).rejects.toMatchObject({
      code: expect.stringMatching(/IDENTITY_FILE|CONFIG_INVALID/),
    });
    expect(api.read<Secret>(SECRET)?.data).toEqual(data);
  });
});

describe("what a replica serves with", () => {
  interface Configuration {
    webhooks: { clientConfig: { caBundle: string } }[];
  }
  const trustedBy = (api: FakeApiServer, path: string) =>
    api
      .read<Configuration>(`${path}/outrider`)
      ?.webhooks.map(({ clientConfig }) => Buffer.from(clientConfig.caBundle, "base64").toString()) ?? [];
  const both = (api: FakeApiServer) => [PATHS.validating, PATHS.mutating].flatMap((path) => trustedBy(api, path));

  const open = async (api: FakeApiServer, lives: { servingMs: number; overlapMs: number }) => {
    const registration = createRegistration(api, CONFIG);
    const served: string[] = [];
    const serving = await openSharedServing(
      {
        api,
        registration,
        namespace: NAMESPACE,
        serverNames: ["outrider-admission.outrider-system.svc"],
        caFile: join(folder, "ca.pem"),
        lives: { anchorMs: 365 * DAY_MS, ...lives },
        clock: Date.now,
        log: silentLog,
      },
      ({ certPem }) => served.push(certPem),
    );
    return { serving, served, registration };
  };
  const isSignedBy = (certPem: string, anchors: string) => {
    const certificate = new X509Certificate(certPem);
    return anchors
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .filter((pem) => pem.trim() !== "")
      .some((pem) => certificate.verify(new X509Certificate(pem).publicKey));
  };
  const ask = (api: FakeApiServer) => {
    const secret = api.read<Secret & { metadata: { name: string } }>(SECRET);
    if (secret === undefined) throw new Error("no Secret");
    api.put(PATHS.secrets(NAMESPACE), {
      ...secret,
      metadata: { ...secret.metadata, annotations: { [ROTATE_ANNOTATION]: "" } },
    });
  };
  const until = async (holds: () => boolean) => {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
  };
  const withServing = async (
    lives: { servingMs: number; overlapMs: number },
    look: (api: FakeApiServer, opened: { serving: SharedServing; served: string[] }) => Promise<void>,
  ) => {
    const api = fakeApiServer();
    api.put(PATHS.namespaces, { metadata: { name: NAMESPACE } });
    const opened = await open(api, lives);
    await opened.registration.reconcile(opened.serving.bundle());
    await look(api, opened).finally(() => opened.serving.close());
  };

  it("is its own certificate, of the anchor that the file and both configurations name", async () => {
    await withServing({ servingMs: DAY_MS, overlapMs: MINUTE_MS }, async (api, { serving }) => {
      const anchors = readFileSync(join(folder, "ca.pem"), "utf8");
      expect(isSignedBy(serving.current().certPem, anchors)).toBe(true);
      expect(new Set(both(api))).toEqual(new Set([anchors]));
      const other = await open(api, { servingMs: DAY_MS, overlapMs: MINUTE_MS });
      expect(other.serving.current().certPem).not.toBe(serving.current().certPem);
      expect(isSignedBy(other.serving.current().certPem, anchors)).toBe(true);
      other.serving.close();
    });
  });

  it("comes from a new anchor only once every configuration trusts it", async () => {
    await withServing({ servingMs: 400, overlapMs: 1 }, async (api, { served, serving }) => {
      const before = serving.bundle();
      api.fault = ({ method, path }) => (method === "PUT" && path.startsWith(PATHS.mutating) ? down() : undefined);
      ask(api);
      served.length = 0;
      await until(() => served.length >= 2);
      expect(both(api).every((bundle) => bundle.includes(before))).toBe(true);
      expect(served.every((certPem) => isSignedBy(certPem, before))).toBe(true);
      api.fault = () => undefined;
      await until(() => served.some((certPem) => !isSignedBy(certPem, before)));
      for (const bundle of both(api)) expect(served.every((certPem) => isSignedBy(certPem, bundle))).toBe(true);
    });
  });

  it("comes from another authority as soon as somebody has removed the Secret, and the configurations trust that", async () => {
    await withServing({ servingMs: 10_000, overlapMs: 1 }, async (api, { served, serving }) => {
      const before = serving.bundle();
      api.remove(PATHS.secrets(NAMESPACE), CA_SECRET);
      await until(() => served.length > 0);
      expect(serving.bundle()).not.toBe(before);
      expect(isSignedBy(serving.current().certPem, serving.bundle())).toBe(true);
      expect(new Set(both(api))).toEqual(new Set([serving.bundle()]));
    });
  });

  it("stays the current one until the listener has taken the next, and is tried again soon", async () => {
    const api = fakeApiServer();
    api.put(PATHS.namespaces, { metadata: { name: NAMESPACE } });
    const taken: { certPem: string }[] = [];
    const during: unknown[] = [];
    const serving = await openSharedServing(
      {
        api,
        registration: createRegistration(api, CONFIG),
        namespace: NAMESPACE,
        serverNames: ["outrider-admission.outrider-system.svc"],
        caFile: join(folder, "ca.pem"),
        lives: { servingMs: 400, anchorMs: 365 * DAY_MS, overlapMs: 1 },
        clock: Date.now,
        log: silentLog,
      },
      (next) => {
        if (during.push(serving.current()) <= 2) throw new Error("tls.clientCa is not there");
        taken.push(next);
      },
    );
    const first = serving.current();
    await until(() => taken.length > 0);
    serving.close();
    expect(during.slice(0, 3)).toEqual([first, first, first]);
    expect(serving.current()).toBe(taken.at(-1));
  });

  it("is renewed while the API server is away", async () => {
    await withServing({ servingMs: 400, overlapMs: 1 }, async (api, { served, serving }) => {
      api.fault = down;
      await until(() => served.length >= 2);
      expect(isSignedBy(serving.current().certPem, serving.bundle())).toBe(true);
    });
  });
});
