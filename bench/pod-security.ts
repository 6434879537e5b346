/** What judging one pod by a Pod Security level costs: of a pod that passes every check, and of one that fails many. */
import { bench, run } from "mitata";
import { judgePodSecurity } from "../core/policy/pods/pod-security.ts";
import type { JsonObject } from "../core/policy/pods/pod-spec.ts";
import { podSpecsOf } from "../core/policy/pods/pod-spec-find.ts";

const HARDENED = { allowPrivilegeEscalation: false, capabilities: { drop: ["ALL"] } };
const PROBE = { httpGet: { path: "/healthz", port: 8080 } };

/** An ordinary pod: a service, its sidecar and an init container. */
function podWith(securityContext: object): JsonObject {
  const container = (name: string, more: object = {}) => ({
    name,
    image: `registry.example/${name}:1.0.0`,
    ports: [{ containerPort: 8080, protocol: "TCP" }],
    resources: { requests: { cpu: "100m" }, limits: { memory: "256Mi" } },
    securityContext,
    ...more,
  });
  return {
    metadata: { labels: { app: "web" }, annotations: { "prometheus.io/scrape": "true" } },
    spec: {
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "RuntimeDefault" }, fsGroup: 1000 },
      initContainers: [container("migrate")],
      containers: [container("web", { livenessProbe: PROBE, readinessProbe: PROBE }), container("proxy")],
      volumes: [
        { name: "tmp", emptyDir: {} },
        { name: "config", configMap: { name: "web" } },
      ],
    },
  };
}

const [good, bad] = [podWith(HARDENED), podWith({ privileged: true })].flatMap((pod) => podSpecsOf(pod, "", "Pod"));
if (good === undefined || bad === undefined) throw new Error("no pod");

bench("restricted, a pod that passes", () => judgePodSecurity(good, "restricted", "latest", "bench"));
bench("restricted v1.19, a pod that passes", () => judgePodSecurity(good, "restricted", "v1.19", "bench"));
bench("baseline, a pod that passes", () => judgePodSecurity(good, "baseline", "latest", "bench"));
bench("restricted, a pod with a dozen violations", () => judgePodSecurity(bad, "restricted", "latest", "bench"));
await run();
