import { CodedError } from "../core/base/errors.ts";
import { closest } from "../core/base/suggest.ts";
import type { ClusterObjects, Deployment, Pod, Service } from "../core/cluster/objects.ts";
import { selects } from "../core/policy/network/labels.ts";
import { targetPortOn, targets } from "../mesh/snapshots/services.ts";
import { type MeshPod, meshPods } from "../mesh/snapshots/workloads.ts";
import { EXPLAIN_ERRORS } from "./explain-errors.ts";

/** What a name on the command line stands for. */
export interface Target {
  /** "Service shop/payments". */
  readonly title: string;
  readonly pods: readonly MeshPod[];
  /** Set when the name is a Service's. */
  readonly service?: Service;
}

/** Addresses for pods that only a Deployment describes: TEST-NET-1, which no real pod has (RFC 5737). */
const EXAMPLE_ADDRESS = "192.0.2.";

/**
 * The folder's objects with one example pod for each Deployment that no pod stands for, so that a folder of plain
 * manifests can be asked before anything runs.
 */
export function withExamplePods(objects: ClusterObjects): ClusterObjects {
  const bare = objects.deployments.filter((deployment) => !objects.pods.some((pod) => isOf(deployment, pod)));
  return { ...objects, pods: [...objects.pods, ...bare.map(examplePod)] };
}

function isOf({ metadata, spec }: Deployment, pod: Pod): boolean {
  const selector = spec?.selector ?? {};
  return metadata.namespace === pod.metadata.namespace && selects(selector, pod.metadata.labels ?? {});
}

function examplePod(deployment: Deployment, index: number): Pod {
  const { metadata, spec, source } = deployment;
  const template = spec?.template;
  return {
    metadata: { ...template?.metadata, name: metadata.name, namespace: metadata.namespace },
    spec: template?.spec ?? { containers: [] },
    status: { podIP: `${EXAMPLE_ADDRESS}${(index % 250) + 1}` },
    source,
  };
}

/**
 * Finds `name` or `namespace/name`: a Service, else a pod, else a Deployment, else an app label.
 *
 * @throws {CodedError} CLI_NO_SUCH_WORKLOAD with the nearest name, CLI_AMBIGUOUS
 */
export function findTarget(text: string, objects: ClusterObjects, trustDomain: string): Target {
  const pods = meshPods(objects, trustDomain);
  const found = FINDERS.map((find) => find(text, objects, pods)).find((list) => list.length > 0) ?? [];
  const [target, ...more] = found;
  if (target === undefined) throw noSuchWorkload(text, objects);
  if (more.length > 0) throw failure("CLI_AMBIGUOUS", `${text}: ${found.map((t) => t.title).join(" or ")}`);
  if (target.pods.length > 0) return target;
  throw failure("CLI_NO_SUCH_WORKLOAD", `${target.title}: no pod with an address stands behind it`);
}

type Finder = (text: string, objects: ClusterObjects, pods: readonly MeshPod[]) => Target[];

const FINDERS: readonly Finder[] = [
  (text, { services }, pods) =>
    services
      .filter((service) => fits(text, service.metadata))
      .map((service) => ({
        title: `Service ${service.metadata.namespace}/${service.metadata.name}`,
        pods: pods.filter((pod) => targets(service, pod)),
        service,
      })),
  (text, _objects, pods) =>
    pods.filter((pod) => fits(text, pod)).map((pod) => ({ title: `Pod ${pod.namespace}/${pod.name}`, pods: [pod] })),
  (text, { deployments }, pods) =>
    deployments
      .filter((deployment) => fits(text, deployment.metadata))
      .map(({ metadata, spec }) => ({
        title: `Deployment ${metadata.namespace}/${metadata.name}`,
        pods: pods.filter((pod) => pod.namespace === metadata.namespace && selects(spec?.selector ?? {}, pod.labels)),
      })),
  (text, _objects, pods) => byAppLabel(text, pods),
];

const APP_LABELS = ["app.kubernetes.io/name", "app"];

function byAppLabel(text: string, pods: readonly MeshPod[]): Target[] {
  const labelled = pods.filter(({ namespace, labels }) =>
    APP_LABELS.some((label) => fits(text, { namespace, name: labels[label] ?? "" })),
  );
  const namespaces = [...new Set(labelled.map((pod) => pod.namespace))];
  return namespaces.map((namespace) => ({
    title: `pods ${namespace}/${text.split("/").at(-1)}`,
    pods: labelled.filter((pod) => pod.namespace === namespace),
  }));
}

function fits(text: string, { namespace, name }: { readonly namespace: string; readonly name: string }): boolean {
  return name !== "" && (text === `${namespace}/${name}` || text === name);
}

/**
 * The port on this pod that a port of the command line means: a Service's port or its target, or a port of the pod,
 * by number or name; the only one when none was written.
 *
 * @throws {CodedError} CLI_NO_SUCH_PORT, CLI_AMBIGUOUS
 */
export function portOn(pod: MeshPod, written: string | undefined, target: Target): number {
  const candidates = portsOf(pod, target);
  if (written === undefined) {
    const numbers = [...new Set(candidates.map((c) => c.number))];
    if (numbers.length === 1 && numbers[0] !== undefined) return numbers[0];
    throw failure(
      "CLI_AMBIGUOUS",
      `${target.title}: which port? ${candidates.map((c) => c.names[0]).join(", ") || "it declares none"}`,
    );
  }
  const named = candidates.find((candidate) => candidate.names.includes(written));
  if (named !== undefined) return named.number;
  if (target.service === undefined && /^\d{1,5}$/.test(written) && Number(written) <= 65_535) return Number(written);
  throw failure(
    "CLI_NO_SUCH_PORT",
    `${target.title}: no port ${written}, it has ${candidates.map((c) => c.names[0]).join(", ") || "none"}`,
  );
}

/** Names in the order they win: a Service's own port number before any pod's. */
function portsOf(pod: MeshPod, { service }: Target): { readonly names: readonly string[]; readonly number: number }[] {
  const own = pod.ports.map(({ name, number }) => ({ names: [String(number), name], number }));
  if (service === undefined) return own;
  const ports = (service.spec?.ports ?? []).flatMap((port) => {
    const number = targetPortOn(pod, port);
    return number === undefined ? [] : [{ port, number }];
  });
  return [
    ...ports.map(({ port, number }) => ({ names: [String(port.port), port.name ?? ""], number })),
    ...ports.map(({ number }) => ({ names: [String(number)], number })),
  ];
}

function noSuchWorkload(text: string, objects: ClusterObjects): CodedError {
  const names = [...objects.services, ...objects.pods, ...objects.deployments].flatMap(({ metadata }) => [
    metadata.name,
    `${metadata.namespace}/${metadata.name}`,
  ]);
  const near = closest(text, names);
  return failure(
    "CLI_NO_SUCH_WORKLOAD",
    `${text}: not in the folder${near === undefined ? "" : ` (did you mean "${near}"?)`}`,
  );
}

function failure(code: keyof typeof EXPLAIN_ERRORS, message: string): CodedError {
  return new CodedError(code, message, EXPLAIN_ERRORS[code].fix);
}
