/** Time to compile a cluster of 500 pods, 100 Services and 100 NetworkPolicies into 500 snapshots. */
import { bench, run } from "mitata";
import type { ClusterObjects } from "../core/cluster/objects.ts";
import { NO_OBJECTS } from "../core/cluster/objects.ts";
import { compile } from "../mesh/snapshots/compile.ts";

const PODS = 500;
const APPS = 100;
const NAMESPACES = 10;
const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const namespaceOf = (index: number): string => `ns${index % NAMESPACES}`;

const objects: ClusterObjects = {
  ...NO_OBJECTS,
  pods: numbers(PODS).map((i) => ({
    metadata: { name: `pod-${i}`, namespace: namespaceOf(i), uid: `uid-${i}`, labels: { app: `app-${i % APPS}` } },
    spec: {
      serviceAccountName: `sa-${i % APPS}`,
      containers: [{ name: "c", ports: [{ name: "http", containerPort: 8080 }] }],
    },
    status: { podIP: `10.0.${i >> 8}.${i & 255}` },
    source: "",
  })),
  services: numbers(APPS).map((i) => ({
    metadata: { name: `app-${i}`, namespace: namespaceOf(i) },
    spec: { selector: { app: `app-${i}` }, ports: [{ name: "http", port: 80, targetPort: "http" }] },
    source: "",
  })),
  networkPolicies: numbers(APPS).map((i) => ({
    metadata: { name: `np-${i}`, namespace: namespaceOf(i) },
    spec: {
      podSelector: { matchLabels: { app: `app-${i}` } },
      ingress: [
        {
          from: [{ podSelector: { matchLabels: { app: `app-${(i + NAMESPACES) % APPS}` } } }],
          ports: [{ port: "http" }],
        },
      ],
    },
    source: "",
    ruleSources: { ingress: [""], egress: [] },
  })),
};

bench("compile 500 pods, 100 services, 100 policies", () =>
  compile(objects, { trustDomain: "bench.test", mtls: "strict" }),
);
await run();
