import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { applyPatch, type Operation } from "rfc6902";
import { blanksOf, ejectSidecar, type PodLike } from "../../admission/sidecar/eject.ts";
import { type Injected, injectInto } from "../../admission/sidecar/injection.ts";
import { HOOK_TIMEOUT_SECONDS } from "../../admission/sidecar/probes.ts";
import { SIDECAR_NAME, sidecarVolumes } from "../../admission/sidecar/sidecar-spec.ts";
import { POD_VIOLATIONS_LIMIT } from "../../core/policy/pods/pod-security.ts";
import { podSpecsOf } from "../../core/policy/pods/pod-spec-find.ts";
import {
  PROBE_HEADERS_LIMIT,
  PROBE_PATH_LIMIT_CHARS,
  PROBE_TABLE_LIMIT_CHARS,
  type ProbeTable,
  probeTable,
} from "../../core/wire/probe-table.ts";

const IMAGE = `ghcr.io/acme/outrider@sha256:${"a".repeat(64)}`;
const TOKEN = "0123456789abcdef".repeat(2);
const HTTP = { httpGet: { path: "/healthz", port: 8080 } };

type Container = Record<string, unknown>;
interface AnyPod extends PodLike {
  readonly spec: { initContainers?: Container[]; containers: Container[]; volumes?: object[] };
}

function podWith(container: object, spec: object = {}, metadata: object = {}): AnyPod {
  const metadataOfPod = { name: "web-1", namespace: "shop", ...metadata };
  return { metadata: metadataOfPod, spec: { containers: [{ name: "web", image: "web", ...container }], ...spec } };
}

function injection(pod: PodLike): Injected {
  const [at] = podSpecsOf(pod, "", "Pod");
  if (at === undefined) throw new Error("no pod");
  return injectInto(at, pod, { image: IMAGE, newToken: () => TOKEN });
}

/** The pod after injection; throws what refused it. */
function inject<P extends PodLike>(pod: P): P {
  const injected = injection(pod);
  if (injected.kind === "refused")
    throw new Error(injected.problems.map(({ code, found }) => `${code}: ${found}`).join());
  const copy = structuredClone(pod);
  expect(applyPatch(copy, [...injected.operations] as Operation[]).filter((error) => error !== null)).toEqual([]);
  return copy;
}

const sidecarOf = ({ spec }: AnyPod) => spec.initContainers?.find(({ name }) => name === SIDECAR_NAME);

function tableOf(pod: AnyPod): ProbeTable {
  const env = sidecarOf(pod)?.["env"] as { name: string; value?: string }[];
  return probeTable.parse(JSON.parse(env.find(({ name }) => name === "OUTRIDER_PROBES")?.value ?? ""));
}

describe("a probe is sent to the sidecar", () => {
  const ports = [{ name: "http", containerPort: 8080 }];
  const cases: [given: string, container: object, key: string, target: object][] = [
    ["over HTTP", { livenessProbe: HTTP }, "web/livez", { port: 8080, httpGet: { path: "/healthz" } }],
    [
      "with its port by name",
      { ports, readinessProbe: { httpGet: { path: "/r", port: "http" } } },
      "web/readyz",
      { port: 8080 },
    ],
    ["with its port as text", { readinessProbe: { tcpSocket: { port: "8080" } } }, "web/readyz", { port: 8080 }],
    ["over TCP", { startupProbe: { tcpSocket: { port: 5432 } } }, "web/startupz", { port: 5432, tcpSocket: {} }],
    [
      "over gRPC",
      { livenessProbe: { grpc: { port: 9000, service: "pay" }, timeoutSeconds: 7 } },
      "web/livez",
      { port: 9000, timeoutSeconds: 7, grpc: { service: "pay" } },
    ],
    [
      "over HTTPS with headers",
      { livenessProbe: { httpGet: { port: 8443, scheme: "HTTPS", httpHeaders: [{ name: "A", value: "$(B)$$" }] } } },
      "web/livez",
      { httpGet: { scheme: "HTTPS", path: "/", httpHeaders: [{ name: "A", value: "$(B)$$" }] } },
    ],
    [
      "when it is a hook, under a token",
      { lifecycle: { preStop: { httpGet: { path: "/bye", port: 8080 } } } },
      `web/prestop/${TOKEN}`,
      { port: 8080, timeoutSeconds: HOOK_TIMEOUT_SECONDS, httpGet: { path: "/bye" } },
    ],
  ];
  it.each(cases)("%s", (_, container, key, target) => {
    const pod = inject(podWith(container));
    expect(Object.keys(tableOf(pod))).toEqual([key]);
    expect(tableOf(pod)).toMatchObject({ [key]: target });
    const sent = JSON.stringify(pod.spec.containers[0]);
    expect(sent).toContain(`"httpGet":{"path":"/app-health/${key}","port":15021,"scheme":"HTTP"}`);
  });

  it("with its timing as it was, in containers and in native sidecars of the application", () => {
    const timing = { periodSeconds: 3, failureThreshold: 9, terminationGracePeriodSeconds: 1 };
    const init = { name: "log", image: "log", restartPolicy: "Always", startupProbe: { ...HTTP, ...timing } };
    const pod = inject(podWith({}, { initContainers: [init] }));
    expect(pod.spec.initContainers?.[1]?.["startupProbe"]).toEqual({
      httpGet: { path: "/app-health/log/startupz", port: 15_021, scheme: "HTTP" },
      ...timing,
    });
  });

  it("so that Kubernetes expands nothing in the table", () => {
    const probe = { httpGet: { path: "/$(HOSTNAME)/$$", port: 80 } };
    const env = sidecarOf(inject(podWith({ livenessProbe: probe })))?.["env"];
    expect(JSON.stringify(env)).not.toContain("$");
  });
});

describe("a probe stays as it is", () => {
  const cases: [given: string, container: object][] = [
    ["when it runs a command", { livenessProbe: { exec: { command: ["true"] } } }],
    ["when it names a host of its own", { livenessProbe: { httpGet: { host: "10.0.0.9", port: 80 } } }],
    ["when its port has no such name, as the kubelet will say", { livenessProbe: { tcpSocket: { port: "nope" } } }],
    ["when its port is a number to JavaScript alone", { livenessProbe: { tcpSocket: { port: "0x50" } } }],
    ["when it has two handlers, which no API server takes", { livenessProbe: { ...HTTP, exec: { command: [] } } }],
    ["when it is a hook that runs a command or sleeps", { lifecycle: { preStop: { sleep: { seconds: 3 } } } }],
    [
      "when it is a hook over TCP, which the kubelet does not run",
      { lifecycle: { postStart: { tcpSocket: { port: 1 } } } },
    ],
    ["when it is no object", { livenessProbe: "yes", lifecycle: [] }],
  ];
  it.each(cases)("%s", (_, container) => {
    const pod = podWith(container);
    expect(inject(pod).spec.containers).toEqual(pod.spec.containers);
  });
});

describe("a pod is refused its sidecar", () => {
  const header = { name: "a", value: "b" };
  const get = (more: object) => ({ livenessProbe: { httpGet: { path: "/", port: 80, ...more } } });
  const cases: [given: string, pod: AnyPod, code: string, path: string][] = [
    [
      "when a probe asks the sidecar's own port",
      podWith(get({ port: 15_020 })),
      "SIDECAR_PROBE",
      "spec.containers[0].livenessProbe",
    ],
    [
      "when a probe pretends to have been sent to the sidecar",
      podWith(get({ port: 15_021, path: "/app-health/web/livez" })),
      "SIDECAR_PROBE",
      "spec.containers[0].livenessProbe",
    ],
    [
      "when a probe has more headers than are kept",
      podWith(get({ httpHeaders: Array.from({ length: PROBE_HEADERS_LIMIT + 1 }, () => header) })),
      "SIDECAR_PROBE",
      "spec.containers[0].livenessProbe",
    ],
    [
      "when a header would end its line",
      podWith(get({ httpHeaders: [{ name: "a", value: "b\r\nc: d" }] })),
      "SIDECAR_PROBE",
      "spec.containers[0].livenessProbe",
    ],
    [
      "when a path is longer than is kept",
      podWith(get({ path: `/${"a".repeat(PROBE_PATH_LIMIT_CHARS)}` })),
      "SIDECAR_PROBE",
      "spec.containers[0].livenessProbe",
    ],
    [
      "when all probes together are longer than a variable",
      podWith(
        {},
        {
          containers: Array.from({ length: 40 }, (__, index) => ({
            name: `c${index}`,
            ...get({ path: `/${"a".repeat(PROBE_TABLE_LIMIT_CHARS / 40)}` }),
          })),
        },
      ),
      "SIDECAR_PROBE",
      "spec",
    ],
    [
      "when another container mounts the sidecar's volumes",
      podWith({
        volumeMounts: [
          { name: "own", mountPath: "/o" },
          { name: "outrider-state", mountPath: "/s" },
        ],
      }),
      "SIDECAR_VOLUME_TAKEN",
      "spec.containers[0].volumeMounts[1]",
    ],
    [
      "when another container has its name",
      podWith({ name: SIDECAR_NAME }),
      "SIDECAR_NAME_TAKEN",
      "spec.containers[0].name",
    ],
    [
      "when a debug container enters it",
      podWith({}, { ephemeralContainers: [{ name: "d", image: "d", targetContainerName: SIDECAR_NAME }] }),
      "SIDECAR_TARGETED",
      "spec.ephemeralContainers[0].targetContainerName",
    ],
  ];
  it.each(cases)("%s", (_, pod, code, path) => {
    expect(injection(pod)).toEqual({ kind: "refused", problems: [expect.objectContaining({ code, path })] });
  });

  it("for so many reasons that not all of them are told", () => {
    const volumeMounts = Array.from({ length: 3 * POD_VIOLATIONS_LIMIT }, () => ({ name: "outrider-identity" }));
    const { problems = [] } = injection(podWith({ volumeMounts })) as { problems?: readonly unknown[] };
    expect(problems).toHaveLength(POD_VIOLATIONS_LIMIT);
  });
});

describe("called again after others", () => {
  const injected = inject(podWith({ livenessProbe: HTTP, lifecycle: { preStop: HTTP } }));
  const spec = (change: (spec: AnyPod["spec"]) => object): AnyPod => ({
    ...injected,
    spec: { ...injected.spec, ...change(injected.spec) },
  });

  it("puts the sidecar first again, once", () => {
    const moved = spec(({ initContainers = [] }) => ({
      initContainers: [{ name: "vault", image: "v" }, ...initContainers],
    }));
    expect(inject(moved).spec.initContainers?.map(({ name }) => name)).toEqual([SIDECAR_NAME, "vault"]);
  });

  it("sends the probes of a container that was added", () => {
    const added = { name: "agent", image: "a", readinessProbe: { tcpSocket: { port: 9000 } } };
    const pod = inject(spec(({ containers }) => ({ containers: [added, ...containers] })));
    expect(Object.keys(tableOf(pod))).toEqual(["agent/readyz", "web/livez", `web/prestop/${TOKEN}`]);
  });

  it("follows a container that was renamed, removed, or whose probe was replaced", () => {
    const renamed = inject(spec(({ containers }) => ({ containers: [{ ...containers[0], name: "shop" }] })));
    expect(Object.keys(tableOf(renamed))).toEqual(["shop/livez", `shop/prestop/${TOKEN}`]);
    const replaced = { ...injected.spec.containers[0], livenessProbe: { exec: { command: ["true"] } } };
    expect(Object.keys(tableOf(inject(spec(() => ({ containers: [replaced] })))))).toEqual([`web/prestop/${TOKEN}`]);
  });

  it("keeps another's timing of a probe that was sent to the sidecar", () => {
    const [web = {}] = injected.spec.containers;
    const slower = { ...web, livenessProbe: { ...(web["livenessProbe"] as object), timeoutSeconds: 9 } };
    const pod = inject(spec(() => ({ containers: [slower] })));
    expect(tableOf(pod)["web/livez"]).toMatchObject({ port: 8080, timeoutSeconds: 9 });
    expect(ejectSidecar(pod).spec["containers"]).toEqual([
      expect.objectContaining({ livenessProbe: { ...HTTP, timeoutSeconds: 9 } }),
    ]);
  });

  it("takes back what another webhook wrote into the sidecar", () => {
    const [sidecar = {}, ...rest] = injected.spec.initContainers ?? [];
    const env = [...(sidecar["env"] as object[]), { name: "NODE_OPTIONS", value: "--import=/evil.js" }];
    expect(inject(spec(() => ({ initContainers: [{ ...sidecar, env }, ...rest] })))).toEqual(injected);
  });

  it("but leaves resources that a LimitRange added", () => {
    const [sidecar = {}, ...rest] = injected.spec.initContainers ?? [];
    const { limits, requests } = sidecar["resources"] as Record<string, object>;
    const resources = { requests, limits: { ...limits, "ephemeral-storage": "1Gi" } };
    const limited = spec(() => ({ initContainers: [{ ...sidecar, resources }, ...rest] }));
    expect(injection(limited)).toEqual({ kind: "patch", operations: [] });
  });

  it("believes a forged table only as far as it could have been probes", () => {
    const forged = { "web/livez": { port: 80, timeoutSeconds: 1, httpGet: { path: "/x", port: 15_020 } } };
    const env = [{ name: "OUTRIDER_PROBES", value: JSON.stringify(forged) }];
    const probe = { httpGet: { path: "/app-health/web/livez", port: 15_021 } };
    const pod = podWith({ livenessProbe: probe }, { initContainers: [{ name: SIDECAR_NAME, env }] });
    expect(injection(pod)).toMatchObject({ kind: "refused", problems: [{ code: "SIDECAR_PROBE" }] });
  });
});

describe("taken out again", () => {
  const text = fc.stringMatching(/^[a-z]{1,8}$/);
  const port = fc.oneof(fc.constantFrom("http", "admin"), fc.integer({ min: 1, max: 14_999 }), fc.constant("8080"));
  const header = fc.record({ name: text, value: fc.constantFrom("", "x", "$(A)", "ä") });
  const handler = fc.oneof(
    fc.record(
      {
        httpGet: fc.record(
          {
            path: fc.constantFrom("/", "/a?b=c", "rel", ""),
            port,
            scheme: fc.constantFrom("HTTP", "HTTPS"),
            host: fc.constantFrom("", "10.1.1.1"),
            httpHeaders: fc.oneof(fc.array(header, { maxLength: 3 }), fc.constant(null)),
            future: text,
          },
          { requiredKeys: ["port"] },
        ),
      },
      { requiredKeys: ["httpGet"] },
    ),
    fc.record({ tcpSocket: fc.record({ port, host: fc.constantFrom("", "h") }, { requiredKeys: ["port"] }) }),
    fc.record({
      grpc: fc.record(
        { port: fc.integer({ min: 1, max: 14_999 }), service: fc.oneof(text, fc.constant(null)) },
        { requiredKeys: ["port"] },
      ),
    }),
    fc.record({ exec: fc.record({ command: fc.array(text) }) }),
  );
  const timing = fc.record(
    { timeoutSeconds: fc.integer({ min: 1, max: 60 }), periodSeconds: fc.nat(9), future: text },
    { requiredKeys: [] },
  );
  const probe = fc.oneof(
    fc.tuple(handler, timing).map(([one, two]) => ({ ...one, ...two })),
    fc.constant(null),
  );
  const container = (name: string) =>
    fc.record(
      {
        name: fc.constant(name),
        image: text,
        ports: fc.constant([{ name: "http", containerPort: 8080 }]),
        livenessProbe: probe,
        readinessProbe: probe,
        startupProbe: probe,
        lifecycle: fc.record({ preStop: handler, postStart: handler }, { requiredKeys: [] }),
      },
      { requiredKeys: ["name", "image"] },
    );
  const blank = <T>(some: fc.Arbitrary<T>) => fc.oneof(some, fc.constant([]), fc.constant(null));
  const pods = fc
    .record(
      {
        metadata: fc.oneof(
          fc.constantFrom(null, {}),
          fc.record(
            { name: text, annotations: fc.oneof(fc.constantFrom(null, {}), fc.dictionary(text, text)) },
            { requiredKeys: [] },
          ),
        ),
        spec: fc.record(
          {
            containers: fc.tuple(container("web"), container("log")),
            initContainers: blank(fc.tuple(container("init"))),
            volumes: blank(fc.constant([{ name: "own", emptyDir: {} }])),
            terminationGracePeriodSeconds: fc.nat(60),
          },
          { requiredKeys: ["containers"] },
        ),
      },
      { requiredKeys: ["spec"] },
    )
    .map((pod) => JSON.parse(JSON.stringify(pod)) as AnyPod);

  it("is every random pod exactly what it was", () => {
    fc.assert(
      fc.property(pods, (pod) => expect(ejectSidecar(inject(pod))).toStrictEqual(pod)),
      { numRuns: 400 },
    );
  });

  it("and one that was injected twice is one that was injected once", () => {
    fc.assert(fc.property(pods, (pod) => expect(injection(inject(pod))).toEqual({ kind: "patch", operations: [] })));
  });

  it("and one that holds nothing of ours is not touched at all", () => {
    fc.assert(fc.property(pods, (pod) => expect(ejectSidecar(pod)).toBe(pod)));
  });

  it("and what was blank is told apart from what was not there", () => {
    const pod = podWith({}, { initContainers: [], volumes: null }, { annotations: {} });
    expect(blanksOf(pod)).toEqual({ initContainers: "empty", volumes: "null", annotations: "empty" });
    expect(inject(pod)["metadata"]).toMatchObject({
      annotations: { "outrider.dev/original": "initContainers=empty volumes=null annotations=empty" },
    });
  });

  it("and a forged note of what was blank leaves nothing but that", () => {
    const annotations = { "outrider.dev/original": "volumes=empty containers=null __proto__=empty", own: "x" };
    const pod = podWith({}, { volumes: sidecarVolumes() }, { annotations });
    expect(ejectSidecar(pod)).toEqual(podWith({}, { volumes: [] }, { annotations: { own: "x" } }));
  });
});
