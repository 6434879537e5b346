import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { describeWith } from "../support/parts.ts";
import { ROOT } from "../support/sources.ts";
import type { Gate } from "./support/gate.ts";
import { registered } from "./support/gate.ts";
import { type GatedCluster, openGatedCluster, refusal, shopPolicy, soon } from "./support/gated-cluster.ts";
import { podOf, TEMPLATES, WORKFLOW, WORKFLOW_CRD } from "./support/objects.ts";
import { eventually, must, ownFolder, run } from "./support/program.ts";

const START_MS = 120_000;
const PODS = "/api/v1/namespaces/shop/pods";
const JSON_PATCH = "application/json-patch+json";
const STRATEGIC = "application/strategic-merge-patch+json";

describeWith(["etcd", "kube-apiserver", "kubectl"], "a real API server with the gate", (programs) => {
  const folder = ownFolder();
  let gated: GatedCluster;
  let gate: Gate;

  beforeAll(async () => {
    gated = await openGatedCluster(programs, folder.path);
    gate = gated.gate("gate", { more: { kubernetes: { pullSecrets: { namespaces: ["shop"] } } } });
    await gate.start();
    await gated.policy("production", shopPolicy(gated.shop));
    await registered(gated.cluster, ["production"]);
    await gated.create("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", WORKFLOW_CRD);
    await eventually("the unknown kind to be served", 10_000, () => gated.cluster.api.ask({ path: WORKFLOW.path }));
  }, START_MS);
  afterAll(async () => {
    await gate?.stop();
    await gated?.stop();
    folder.remove();
  });

  const images = () => gated.shop.images;
  const patch = (path: string, body: object, contentType: string) =>
    gated.cluster.api.ask<{ spec: { containers: { image: string }[] } }>({ method: "PATCH", path, body, contentType });
  const setImage = (image: string) => [{ op: "replace", path: "/spec/containers/0/image", value: image }];
  const isStored = async (path: string) => (await refusal(gated.cluster.api.ask({ path }))) === "(stored)";

  describe("a Pod", () => {
    it("that is signed is stored with the digest that was verified", async () => {
      const { spec } = await gated.create(PODS, podOf("good", images().good));
      expect(spec.containers[0]?.image).toMatch(new RegExp(`^${images().good}@sha256:[0-9a-f]{64}$`));
    });

    it("that is not signed is refused with the reason and the fix, and not stored", async () => {
      const said = await refusal(gated.create(PODS, podOf("unsigned", images().unsigned)));
      expect(said).toContain('admission webhook "pods.outrider.dev" denied the request');
      expect(said).toMatch(/IMG_UNSIGNED: found .*\n\s+fix: cosign sign/);
      expect(await isStored(`${PODS}/unsigned`)).toBe(false);
    });

    it("is refused for an image in an init container, and for one in a volume", async () => {
      const init = { initContainers: [{ name: "init", image: images().unsigned }] };
      expect(await refusal(gated.create(PODS, podOf("init", images().good, init)))).toContain("spec.initContainers[0]");
      const volumes = { volumes: [{ name: "data", image: { reference: images().unsigned } }] };
      expect(await refusal(gated.create(PODS, podOf("volume", images().good, volumes)))).toContain("spec.volumes[0]");
    });

    it("that meets no policy, in a namespace that has none, is refused", async () => {
      const said = await refusal(gated.create("/api/v1/namespaces/other/pods", podOf("good", images().good)));
      expect(said).toContain("IMG_NO_POLICY");
    });

    it("is judged by the labels of a namespace that was made a moment before", async () => {
      const match = { images: ["**"], namespaceSelector: { matchLabels: { tier: "strict" } } };
      await gated.policy("strict", shopPolicy(gated.shop, { match, pods: { podSecurity: "restricted" } }));
      await registered(gated.cluster, ["strict"]);
      await gated.create("/api/v1/namespaces", { metadata: { name: "fresh", labels: { tier: "strict" } } });
      const said = await refusal(gated.create("/api/v1/namespaces/fresh/pods", podOf("good", images().good)));
      expect(said).toContain("Pod Security restricted (ImagePolicy strict)");
    });
  });

  describe("a running Pod", () => {
    beforeAll(() => gated.create(PODS, podOf("running", images().good)));

    it("may not change to an unsigned image, and is pinned anew when it changes to a signed one", async () => {
      expect(await refusal(patch(`${PODS}/running`, setImage(images().unsigned), JSON_PATCH))).toContain(
        "IMG_UNSIGNED",
      );
      const { spec } = await patch(`${PODS}/running`, setImage(images().bundle), JSON_PATCH);
      expect(spec.containers[0]?.image).toMatch(new RegExp(`^${images().bundle}@sha256:`));
    });

    it("gets no ephemeral container that is not signed", async () => {
      const add = (image: string) => ({ spec: { ephemeralContainers: [{ name: "debug", image }] } });
      const path = `${PODS}/running/ephemeralcontainers`;
      const said = await refusal(patch(path, add(images().unsigned), STRATEGIC));
      expect(said).toMatch(/spec\.ephemeralContainers\[0\]\.image[\s\S]*IMG_UNSIGNED/);
      const stored = await patch(path, add(images().good), STRATEGIC);
      expect(JSON.stringify(stored.spec)).toContain(`"name":"debug","image":"${images().good}@sha256:`);
    });

    it("may be resized", async () => {
      const resources = { requests: { cpu: "10m" } };
      const sized = podOf("sized", images().good, { containers: [{ name: "web", image: images().good, resources }] });
      await gated.create(PODS, sized);
      const body = { spec: { containers: [{ name: "web", resources: { requests: { cpu: "20m" } } }] } };
      const { spec } = await patch(`${PODS}/sized/resize`, body, STRATEGIC);
      expect(spec.containers[0]).toMatchObject({ resources: { requests: { cpu: "20m" } } });
    });
  });

  describe("every kind that holds a pod template", () => {
    it.each([...TEMPLATES, WORKFLOW].map((resource) => [resource.kind, resource] as const))(
      "%s: an unsigned image is refused, a signed one is stored as its author wrote it",
      async (_, { path, body }) => {
        const said = await refusal(gated.create(path, body("unsigned", images().unsigned)));
        expect(said).toContain("IMG_UNSIGNED");
        expect(await isStored(`${path}/unsigned`)).toBe(false);
        const stored = await gated.create(path, body("good", images().good));
        expect(JSON.stringify(stored)).toContain(`"image":"${images().good}"`);
        const changed = JSON.parse(JSON.stringify(stored).replaceAll(images().good, images().unsigned));
        const update = gated.cluster.api.ask({ method: "PUT", path: `${path}/good`, body: changed });
        expect(await refusal(update)).toMatch(/IMG_UNSIGNED|spec.template: Invalid value/); // a Job's template never changes
      },
    );
  });

  describe("a server-side dry run", () => {
    it("is refused and admitted as the real thing, and leaves nothing behind", async () => {
      const before = gate.decisions().length;
      const dry = (name: string, image: string) => gated.create(`${PODS}?dryRun=All`, podOf(name, image));
      expect(await refusal(dry("dry-unsigned", images().unsigned))).toContain("IMG_UNSIGNED");
      expect((await dry("dry-good", images().good)).spec.containers[0]?.image).toContain("@sha256:");
      expect(await isStored(`${PODS}/dry-good`)).toBe(false);
      expect(gate.decisions()).toHaveLength(before);
    });
  });

  describe("an object whose evidence has expired since", () => {
    const deployments = "/apis/apps/v1/namespaces/shop/deployments";
    const deployment = TEMPLATES.find(({ kind }) => kind === "Deployment");

    beforeAll(async () => {
      const pod = podOf("aged", images().bundle);
      const metadata = { ...pod.metadata, finalizers: ["example.com/hold"] };
      await gated.create(PODS, { ...pod, metadata });
      await gated.create(deployments, deployment?.body("aged", images().bundle) ?? {});
      await gated.policy("production", shopPolicy(gated.shop, { scan: { maxAge: "1h", refuse: ["critical"] } }));
      await soon("the stricter policy to be in force", async () =>
        (await refusal(gated.create(`${PODS}?dryRun=All`, podOf("now", images().bundle)))).includes("IMG_SCAN_STALE"),
      );
    });
    afterAll(async () => {
      await gated.policy("production", shopPolicy(gated.shop));
      await soon(
        "the first policy to be in force",
        async () => (await refusal(gated.create(`${PODS}?dryRun=All`, podOf("now", images().bundle)))) === "(stored)",
      );
    });

    it("may lose a finalizer, before and after it is deleted", async () => {
      const path = `${PODS}/aged`;
      await patch(path, { metadata: { finalizers: ["example.com/other"] } }, "application/merge-patch+json");
      await gated.cluster.api.ask({ method: "DELETE", path: `${path}?gracePeriodSeconds=0` });
      expect(await isStored(path)).toBe(true);
      await patch(path, { metadata: { finalizers: null } }, "application/merge-patch+json");
      expect(await isStored(path)).toBe(false);
    });

    it("may change labels that no policy selects on", async () => {
      const labels = { metadata: { labels: { note: "kept" } } };
      expect(await refusal(patch(`${deployments}/aged`, labels, STRATEGIC))).toBe("(stored)");
      expect(await refusal(patch(`${PODS}/good`, labels, STRATEGIC))).toBe("(stored)");
    });

    it("may be scaled, through the subresource and in its spec", async () => {
      const scaled = { spec: { replicas: 3 } };
      expect(await refusal(patch(`${deployments}/aged/scale`, scaled, "application/merge-patch+json"))).toBe(
        "(stored)",
      );
      expect(await refusal(patch(`${deployments}/aged`, { spec: { replicas: 5 } }, STRATEGIC))).toBe("(stored)");
    });
  });

  describe("our own kinds", () => {
    it.each(["imagepolicies", "trustroots"])("%s have a structural schema, with all names accepted", async (plural) => {
      const path = `/apis/apiextensions.k8s.io/v1/customresourcedefinitions/${plural}.outrider.dev`;
      const { status } = await gated.cluster.api.ask<{ status: { conditions: { type: string; status: string }[] } }>({
        path,
      });
      const held = Object.fromEntries(status.conditions.map((condition) => [condition.type, condition.status]));
      expect(held).toEqual({ NamesAccepted: "True", Established: "True" });
    });

    it("are explained field by field", async () => {
      const explain = (field: string) =>
        run(programs.kubectl, ["--kubeconfig", gated.cluster.kubeconfig, "explain", field]);
      const { code, stdout } = await explain("imagepolicy.spec");
      expect(code).toBe(0);
      for (const field of ["match", "authorities", "signatures", "mode"])
        expect(stdout).toMatch(new RegExp(`^  ${field}\\t`, "m"));
      expect((await explain("trustroot.spec")).code).toBe(0);
    });

    it("are refused when a field has a value it cannot have", async () => {
      expect(await refusal(gated.policy("bad", shopPolicy(gated.shop, { mode: "nonsense" })))).toContain("spec.mode");
    });

    it("say in their status why they do not compile; the last sound set stays in force, and the gate ready", async () => {
      const authorities = [{ name: "release", role: "release", key: "no key" }];
      await gated.policy("bad", shopPolicy(gated.shop, { authorities, scan: undefined }));
      const status = async (name: string) => {
        const path = `/apis/outrider.dev/v1alpha1/imagepolicies/${name}`;
        type Conditions = { status?: { conditions?: { type: string; reason: string; message: string }[] } };
        return (await gated.cluster.api.ask<Conditions>({ path })).status?.conditions ?? [];
      };
      await soon("the status to say why", async () => (await status("bad")).length > 0);
      expect(await status("bad")).toContainEqual(
        expect.objectContaining({
          type: "Compiled",
          reason: "Invalid",
          message: expect.stringContaining("spec.authorities"),
        }),
      );
      await soon("the others to say so", async () => (await status("production"))[1]?.reason === "OtherInvalid");
      expect((await fetch(`${gate.admin}/readyz`)).status).toBe(200);
      expect(await refusal(gated.create(PODS, podOf("still", images().unsigned)))).toContain("IMG_UNSIGNED");
      await gated.cluster.api.ask({ method: "DELETE", path: "/apis/outrider.dev/v1alpha1/imagepolicies/bad" });
      await registered(gated.cluster, ["production"]);
    });
  });

  describe("what is none of the gate's business", () => {
    const reviews = async () => {
      const text = await (await fetch(`${gate.admin}/metrics`)).text();
      return [...text.matchAll(/^outrider_admission_reviews_total\{[^}]*\} (\d+)/gm)].reduce(
        (sum, m) => sum + Number(m[1]),
        0,
      );
    };

    it("is not sent to it: leases, events, secrets, config maps, nodes", async () => {
      const before = await reviews();
      const metadata = { name: "mine" };
      await gated.create("/apis/coordination.k8s.io/v1/namespaces/shop/leases", { metadata, spec: {} });
      await gated.create("/api/v1/namespaces/shop/secrets", { metadata });
      await gated.create("/api/v1/namespaces/shop/configmaps", { metadata });
      await gated.create("/api/v1/nodes", { metadata });
      await gated.create("/api/v1/namespaces/shop/events", { metadata, involvedObject: { namespace: "shop" } });
      expect(await reviews()).toBe(before);
    });
  });

  describe("our own namespace", () => {
    const own = "/api/v1/namespaces/outrider-system/pods";
    const digest = `sha256:${"0".repeat(64)}`;

    it("is held by the API server itself to images named by digest", async () => {
      const security = { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: "RuntimeDefault" } };
      const securityContext = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
      const container = (image: string) => ({ name: "web", image, securityContext });
      const spec = (image: string, init: string) => ({
        securityContext: security,
        initContainers: [{ ...container(init), name: "init" }],
        containers: [container(image)],
      });
      const pinned = `ghcr.io/a/b@${digest}`;
      const create = (image: string, init: string) =>
        refusal(gated.create(own, { metadata: { generateName: "own-" }, spec: spec(image, init) }));
      await soon("the policy to be in force", async () =>
        (await create("ghcr.io/a/b:1", pinned)).includes("IMG_NOT_PINNED"),
      );
      expect(await create(pinned, "ghcr.io/a/b:1")).toContain("IMG_NOT_PINNED");
      expect(await create(pinned, pinned)).toBe("(stored)");
    });
  });

  describe("a stranger who reaches the port", () => {
    it("is refused before anything is asked of a registry", async () => {
      const asked = () => gated.shop.registry.requests.length;
      const before = asked();
      const script = `process.env.NODE_TLS_REJECT_UNAUTHORIZED="0";
        const r = await fetch("${gate.url}/validate", { method: "POST", headers: {"content-type":"application/json"}, body: "{}" });
        console.log(r.status, (await r.json()).code);`;
      const { stdout } = await run(process.execPath, ["--input-type=module", "--no-warnings", "-e", script]);
      expect(stdout.trim()).toBe("403 REVIEW_CALLER_UNKNOWN");
      expect(asked()).toBe(before);
    });
  });

  describe("a digest that runs in the namespace", () => {
    it("keeps the grace its policy states when its scan has become too old; one that does not run has none", async () => {
      const { metadata, spec } = await gated.create(PODS, podOf("lasting", images().good));
      const [container] = spec.containers;
      const containerStatuses = [
        { name: "web", image: "web", imageID: container?.image, ready: true, restartCount: 0, state: { running: {} } },
      ];
      const status = { status: { phase: "Running", containerStatuses } };
      await patch(`${PODS}/${metadata.name}/status`, status, "application/merge-patch+json");
      const scan = { maxAge: "1h", grace: "24h", refuse: ["critical"] };
      await gated.policy("production", shopPolicy(gated.shop, { scan }));
      const dry = (image: string) => refusal(gated.create(`${PODS}?dryRun=All`, podOf("again", image)));
      await soon("the policy to be in force", async () => (await dry(images().bundle)).includes("IMG_SCAN_STALE"));
      await soon("the running digest to be known", async () => (await dry(images().good)) === "(stored)");
      expect(await dry(images().bundle)).toContain("IMG_SCAN_STALE");
      await gated.policy("production", shopPolicy(gated.shop));
      await soon("the first policy to be back", async () => (await dry(images().bundle)) === "(stored)");
    });
  });

  describe("pull secrets", () => {
    const withSecret = { imagePullSecrets: [{ name: "mine" }] };

    it("are read only where the gate's role is bound, and their lack is said", async () => {
      const said = await refusal(gated.create(PODS, podOf("private", images().good, withSecret)));
      expect(said).toContain('API server: GET /api/v1/namespaces/shop/secrets/mine: secrets "mine" is forbidden');
      await must(programs.kubectl, [
        ...["--kubeconfig", gated.cluster.kubeconfig, "apply", "-n", "shop"],
        ...["-f", join(ROOT, "deploy/pull-secrets.yaml")],
      ]);
      await soon(
        "the right to count",
        async () =>
          (await refusal(gated.create(`${PODS}?dryRun=All`, podOf("private", images().good, withSecret)))) ===
          "(stored)",
      );
    });
  });

  describe("the gate's numbers", () => {
    it("say that it watches its cluster, and that it leads", async () => {
      const text = await (await fetch(`${gate.admin}/metrics`)).text();
      for (const source of ["policies", "namespaces", "pods"])
        expect(text).toContain(`outrider_admission_cluster_up{source="${source}"} 1`);
      expect(text).toContain("outrider_admission_leader 1");
    });
  });

  describe("what deploy/ has", () => {
    it("is accepted as it is, the bootstrap policy in force", async () => {
      const kubectl = (...args: string[]) =>
        must(programs.kubectl, ["--kubeconfig", gated.cluster.kubeconfig, ...args]);
      const dry = await kubectl(
        "apply",
        "--server-side",
        "--dry-run=server",
        "-f",
        join(ROOT, "deploy/admission.yaml"),
      );
      expect(dry).toContain("deployment.apps/outrider-admission serverside-applied");
      await kubectl("apply", "-f", join(ROOT, "deploy/policies"));
      await registered(gated.cluster, ["kube-system", "production"]);
    });
  });

  describe("while the API server was away", () => {
    it("the gate kept what it knew, and hears of what changed once it is back", async () => {
      await gated.cluster.restart();
      expect(await refusal(gated.create(PODS, podOf("after", images().unsigned)))).toContain("IMG_UNSIGNED");
      await gated.policy("production", shopPolicy(gated.shop, { mode: "warn" }));
      await soon(
        "the change to be heard of",
        async () =>
          (await refusal(gated.create(`${PODS}?dryRun=All`, podOf("after", images().unsigned)))) === "(stored)",
      );
    });
  });

  describe("while no gate is there", () => {
    beforeAll(() => gate.stop());

    it("no Pod is stored and no template, unknown kinds and kube-system go on", async () => {
      expect(await refusal(gated.create(PODS, podOf("nobody", images().good)))).toContain("failed calling webhook");
      for (const { path, body } of TEMPLATES)
        expect(await refusal(gated.create(path, body("nobody", images().good)))).toContain("failed calling webhook");
      expect(await refusal(gated.create(WORKFLOW.path, WORKFLOW.body("nobody", images().unsigned)))).toBe("(stored)");
      const system = gated.create("/api/v1/namespaces/kube-system/pods", podOf("dns", images().unsigned));
      expect(await refusal(system)).toBe("(stored)");
    });
  });
});
