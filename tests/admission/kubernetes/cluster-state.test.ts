import { afterEach, describe, expect, it } from "@jest/globals";
import { type ClusterPolicies, watchClusterPolicies } from "../../../admission/kubernetes/cluster-policies.ts";
import { type NamespaceLabels, watchNamespaces } from "../../../admission/kubernetes/namespaces.ts";
import { PATHS } from "../../../admission/kubernetes/paths.ts";
import { writePolicyStatus } from "../../../admission/kubernetes/policy-status.ts";
import { RUNNING_SETTLE_MS, type RunningDigests, watchRunning } from "../../../admission/kubernetes/running.ts";
import { silentLog } from "../../../core/base/log.ts";
import type { ImagePolicy } from "../../../core/policy/images/schema/image-policy-schema.ts";
import { down, type FakeApiServer, fakeApiServer } from "../../support/fake-api-server.ts";

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});
const keep = <T extends { close(): void }>(closable: T): T => {
  opened.push(closable);
  return closable;
};
const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
};
const ignore = () => {};
const never = new AbortController().signal;

describe("policies of the API server", () => {
  const policy = (name: string, spec: object = {}, generation = 1) => ({
    apiVersion: "outrider.dev/v1alpha1",
    kind: "ImagePolicy",
    metadata: { name, generation, managedFields: [{ manager: "kubectl" }], creationTimestamp: "2026-11-01T00:00:00Z" },
    spec: { match: { images: ["ghcr.io/acme/**"] }, ...spec },
  });
  let changes: string[][];
  const watch = (api: FakeApiServer, onCompiled = ignore): ClusterPolicies => {
    changes = [];
    const onChange = ({ policies }: { policies: readonly ImagePolicy[] }) => void changes.push(namesOf(policies));
    return keep(
      watchClusterPolicies(api, { onChange, onCompiled, onError: ignore }) as ClusterPolicies & { close(): void },
    );
  };
  const namesOf = (policies: readonly ImagePolicy[]) => policies.map(({ metadata }) => metadata.name);
  const BROKEN = { mode: "nonsense" };

  it("are in force as a set; until one has compiled the gate is not ready and says why", async () => {
    const api = fakeApiServer();
    api.put(PATHS.imagePolicies, policy("b"));
    api.put(PATHS.imagePolicies, policy("a"));
    const policies = watch(api);
    expect(policies.notReady()).toEqual(["policies: not read yet"]);
    await until(() => policies.notReady().length === 0);
    expect(namesOf(policies.current())).toEqual(["a", "b"]);
    expect(changes).toEqual([["a", "b"]]);
  });

  it("that are none are a set, too: nothing is covered", async () => {
    const policies = watch(fakeApiServer());
    await until(() => policies.notReady().length === 0);
    expect(policies.current()).toEqual([]);
  });

  it("with one that is broken leave the last good set in force, and the gate ready", async () => {
    const api = fakeApiServer();
    api.put(PATHS.imagePolicies, policy("good"));
    const policies = watch(api);
    await until(() => policies.current().length === 1);
    api.put(PATHS.imagePolicies, policy("bad", BROKEN));
    await until(() => policies.compiled().length === 2);
    expect(namesOf(policies.current())).toEqual(["good"]);
    expect(policies.notReady()).toEqual([]);
  });

  it("that were broken from the start leave the gate not ready", async () => {
    const api = fakeApiServer();
    api.put(PATHS.imagePolicies, policy("bad", BROKEN));
    const policies = watch(api);
    await until(() => policies.compiled().length === 1);
    expect(policies.notReady()).toEqual([expect.stringContaining("ImagePolicy bad: spec.mode")]);
  });

  it("that cannot be asked for say so in the reason", async () => {
    const api = fakeApiServer();
    api.fault = down;
    const policies = watch(api);
    await until(() => (policies.notReady()[0] ?? "").includes("API_SERVER_UNREACHABLE"));
  });

  it("have a status that says what became of them, written once", async () => {
    const api = fakeApiServer();
    api.put(PATHS.imagePolicies, policy("good"));
    api.put(PATHS.imagePolicies, policy("bad", BROKEN, 7));
    const policies = watch(api);
    await until(() => policies.compiled().length === 2);
    const write = () => writePolicyStatus(api, policies.compiled(), Date.parse("2026-11-21T10:00:00.123Z"), silentLog);
    await write();
    const conditions = (name: string) =>
      api.read<{ status: { conditions: object[] } }>(`${PATHS.imagePolicies}/${name}`)?.status.conditions;
    const since = { lastTransitionTime: "2026-11-21T10:00:00Z" };
    expect(conditions("bad")).toEqual([
      expect.objectContaining({ type: "Compiled", status: "False", observedGeneration: 7, ...since }),
      expect.objectContaining({ type: "Ready", status: "False", reason: "Invalid" }),
    ]);
    expect(conditions("good")).toEqual([
      expect.objectContaining({ type: "Compiled", status: "True", reason: "Understood" }),
      expect.objectContaining({ type: "Ready", status: "False", reason: "OtherInvalid" }),
    ]);
    const patches = () => api.asked.filter((line) => line.startsWith("PATCH")).length;
    await until(() => policies.compiled().every(({ object }) => "status" in (object.value as object)));
    const before = patches();
    await write();
    expect(patches()).toBe(before);
  });
});

describe("namespaces of the API server", () => {
  const namespace = (name: string, labels = {}) => ({ metadata: { name, labels } });

  it("that the watch has not heard of are asked for before a pod of theirs is judged", async () => {
    const api = fakeApiServer();
    const namespaces: NamespaceLabels = keep(watchNamespaces(api, ignore) as NamespaceLabels & { close(): void });
    await until(namespaces.isSynced);
    const watching = api.fault;
    api.put(PATHS.namespaces, namespace("seen", { tier: "one" }));
    await until(() => namespaces.of("seen")?.["tier"] === "one");
    const asked = api.asked.length;
    await namespaces.know("seen", never);
    expect(api.asked).toHaveLength(asked);
    api.fault = ({ path }) => (path.includes("watch=true") ? down() : undefined);
    api.endWatches();
    await new Promise((resolve) => setTimeout(resolve, 20));
    api.put(PATHS.namespaces, namespace("fresh", { tier: "two" }));
    await namespaces.know("fresh", never);
    expect(namespaces.of("fresh")).toEqual({ tier: "two" });
    api.fault = watching;
  });

  it("that cannot be asked for are no namespaces without labels", async () => {
    const api = fakeApiServer();
    const namespaces = keep(watchNamespaces(api, ignore) as NamespaceLabels & { close(): void });
    await until(namespaces.isSynced);
    await expect(namespaces.know("absent", never)).rejects.toMatchObject({ code: "API_OBJECT_MISSING" });
    await expect(namespaces.know("a/../b", never)).rejects.toMatchObject({ code: "API_OBJECT_MISSING" });
    api.fault = down;
    await expect(namespaces.know("unknown", never)).rejects.toMatchObject({ code: "API_SERVER_UNREACHABLE" });
  });
});

describe("digests that run in a namespace", () => {
  const DIGEST = (digit: string) => `sha256:${digit.repeat(64)}`;
  const status = (imageID: string, running = true) => ({ imageID, state: running ? { running: {} } : { waiting: {} } });
  const pod = (name: string, namespace: string, statuses: object) => ({
    metadata: { name, namespace },
    status: statuses,
  });

  it("are those its nodes report, of containers that run, by the repository's digest", async () => {
    const api = fakeApiServer();
    api.put(
      PATHS.pods,
      pod("a", "shop", {
        containerStatuses: [
          status(`docker-pullable://ghcr.io/a/b@${DIGEST("1")}`),
          status(`ghcr.io/a/b@${DIGEST("2")}`, false),
        ],
        initContainerStatuses: [status(`ghcr.io/a/init@${DIGEST("3")}`)],
      }),
    );
    api.put(
      PATHS.pods,
      pod("b", "other", { containerStatuses: [status(`ghcr.io/a/b@${DIGEST("4")}`), status(DIGEST("5"))] }),
    );
    const running: RunningDigests = keep(watchRunning(api, ignore) as RunningDigests & { close(): void });
    await new Promise((resolve) => setTimeout(resolve, RUNNING_SETTLE_MS / 10));
    expect([...running.of("shop")].toSorted()).toEqual([DIGEST("1"), DIGEST("3")]);
    expect([...running.of("other")]).toEqual([DIGEST("4")]);
    expect([...running.of("third")]).toEqual([]);
  });
});
