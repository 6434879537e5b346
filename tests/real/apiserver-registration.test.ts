import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { KubernetesConfig } from "../../admission/kubernetes/config.ts";
import { PATHS } from "../../admission/kubernetes/paths.ts";
import { createRegistration, type Registration } from "../../admission/kubernetes/registration.ts";
import type { ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { connectApiServer } from "../../core/cluster/api-server/connect.ts";
import { describeWith } from "../support/parts.ts";
import { testAuthority } from "../support/test-authority.ts";
import { type Cluster, startCluster } from "./support/api-server.ts";
import { deploy, GATE_ACCOUNT } from "./support/gate.ts";
import { ownFolder } from "./support/program.ts";

const START_MS = 120_000;
const CONFIG: KubernetesConfig = {
  inCluster: true,
  namespace: "outrider-system",
  register: { service: { name: "outrider-admission", port: 443 } },
  bootstrapNamespaces: ["kube-system"],
  pullSecrets: { namespaces: [] },
  timeout: 10_000,
};
const NEVER = [{ name: "never", expression: "false" }];
const POLICY = `${PATHS.admissionPolicies}/outrider-own-namespace`;
const BINDING = `${PATHS.admissionPolicyBindings}/outrider-own-namespace`;
const PODS = [{ apiGroups: [""], apiVersions: ["v1"], operations: ["*"], resources: ["pods"] }];

type Kept = {
  readonly metadata: { readonly generation: number };
  readonly webhooks?: unknown;
  readonly spec?: unknown;
};

describeWith(["etcd", "kube-apiserver", "kubectl"], "what the gate registers at a real API server", (programs) => {
  const folder = ownFolder();
  let cluster: Cluster;
  let api: ApiServer;
  let registration: Registration;
  let anchor: string;
  const repaired: string[] = [];

  beforeAll(async () => {
    cluster = await startCluster(programs, folder.path);
    await deploy(programs.kubectl, cluster);
    api = await connectApiServer({ kubeconfig: await cluster.kubeconfigOf(GATE_ACCOUNT) });
    registration = createRegistration(api, CONFIG, (name) => repaired.push(name));
    anchor = (await testAuthority("webhook")).caPem;
    await registration.reconcile(anchor);
  }, START_MS);
  afterAll(async () => {
    await api?.close();
    await cluster?.stop();
    folder.remove();
  });

  const read = (path: string) => cluster.api.ask<Kept>({ path });
  const edit = (path: string, body: object) =>
    cluster.api.ask({ method: "PATCH", path, body, contentType: "application/json-patch+json" });

  const add = (path: string, value: unknown) => [{ op: "add", path, value }];
  const EDITS: [what: string, path: string, change: object][] = [
    ...[PATHS.validating, PATHS.mutating].flatMap((path): [string, string, object][] => [
      ["a condition that is never met", `${path}/outrider`, add("/webhooks/0/matchConditions", NEVER)],
      ["a selector of objects", `${path}/outrider`, add("/webhooks/0/objectSelector/matchLabels", { judge: "me" })],
      ["rules for nothing that is", `${path}/outrider`, add("/webhooks/0/rules/0/resources", ["nodes"])],
      ["failures ignored", `${path}/outrider`, add("/webhooks/0/failurePolicy", "Ignore")],
      ["another authority", `${path}/outrider`, add("/webhooks/0/clientConfig/caBundle", "")],
      ["an entry taken out", `${path}/outrider`, [{ op: "remove", path: "/webhooks/0" }]],
    ]),
    ["a condition that is never met", POLICY, add("/spec/matchConditions", NEVER)],
    ["pods left out", POLICY, add("/spec/matchConstraints/excludeResourceRules", PODS)],
    ["failures ignored", POLICY, add("/spec/failurePolicy", "Ignore")],
    ["only a warning", BINDING, add("/spec/validationActions", ["Warn"])],
    ["pods left out", BINDING, add("/spec/matchResources/excludeResourceRules", PODS)],
  ];

  it.each(EDITS)("%s in %s is put right, and said", async (_, path, change) => {
    const before = await read(path);
    await edit(path, change);
    expect(await read(path)).not.toMatchObject({ webhooks: before.webhooks ?? {}, spec: before.spec ?? {} });
    repaired.length = 0;
    await registration.reconcile(anchor);
    const { webhooks, spec } = await read(path);
    expect({ webhooks, spec }).toEqual({ webhooks: before.webhooks, spec: before.spec });
    expect(repaired).toEqual([path.slice(path.lastIndexOf("/") + 1)]);
  });

  it("is made again when it was deleted", async () => {
    for (const path of [`${PATHS.validating}/outrider`, POLICY, BINDING]) {
      await cluster.api.ask({ method: "DELETE", path });
      await registration.reconcile(anchor);
      expect(await read(path)).toMatchObject({ metadata: { ownerReferences: [{ name: "outrider-system" }] } });
    }
  });

  it("is not written while it is as it should be", async () => {
    const paths = [`${PATHS.validating}/outrider`, `${PATHS.mutating}/outrider`, POLICY, BINDING];
    const versions = async () => (await Promise.all(paths.map(read))).map(({ metadata }) => metadata);
    const before = await versions();
    repaired.length = 0;
    await registration.reconcile(anchor);
    expect(await versions()).toEqual(before);
    expect(repaired).toEqual([]);
  });
});
