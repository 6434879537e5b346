import { textOf } from "../pod-spec.ts";
import {
  type Breach,
  containerNames,
  type Finding,
  isAbsent,
  isFalse,
  namedText,
  plural,
  quoted,
  settersText,
  sorted,
  use,
  valuesOf,
} from "./finding.ts";
import { entriesOf, type PodView, partOf, type Setter, type Step } from "./view.ts";

const NAMESPACES = ["hostNetwork", "hostPID", "hostIPC"];

export function hostNamespaces({ at, pod }: PodView): Finding | undefined {
  const shared = NAMESPACES.filter((name) => !isFalse(at.spec[name]));
  if (shared.length === 0) return undefined;
  return {
    reason: "host namespaces",
    detail: shared.map((name) => `${name}=true`).join(", "),
    breaches: shared.map((name) => ({
      code: "PSS_HOST_NAMESPACE",
      setter: pod,
      at: [name],
      value: at.spec[name],
      fix: `remove ${name}`,
    })),
  };
}

export function hostProcess(view: PodView): Finding | undefined {
  const at = ["securityContext", "windowsOptions"];
  const breaches = view.setters.flatMap((setter): Breach[] => {
    const options = partOf(view, setter, setter.context["windowsOptions"], at);
    if (options === undefined || isFalse(options["hostProcess"])) return [];
    return [{ code: "PSS_HOST_PROCESS", setter, at: [...at, "hostProcess"], value: options["hostProcess"] }];
  });
  if (breaches.length === 0) return undefined;
  const detail = `${settersText(breaches)} must not set securityContext.windowsOptions.hostProcess=true`;
  return { reason: "hostProcess", detail, breaches };
}

export function hostPorts(view: PodView): Finding | undefined {
  const breaches = view.containers.flatMap((setter) =>
    entriesOf(view, setter, setter.value["ports"], ["ports"]).flatMap(({ hostPort }, index): Breach[] =>
      isAbsent(hostPort) || hostPort === 0
        ? []
        : [{ code: "PSS_HOST_PORT", setter, at: ["ports", index, "hostPort"], value: hostPort }],
    ),
  );
  if (breaches.length === 0) return undefined;
  const names = containerNames(breaches);
  const ports = valuesOf(breaches);
  const detail = `${namedText("container", names)} ${use(names.length)} ${plural("hostPort", ports.length)} ${ports.join(", ")}`;
  return { reason: "hostPort", detail, breaches };
}

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"];
const HOOKS = ["postStart", "preStop"];
const HANDLERS = ["httpGet", "tcpSocket"];

/** Probes and hooks that name a host, by which the kubelet would call an address of the author's choice. @see KEP-4940 */
export function hostProbes(view: PodView): Finding | undefined {
  const breaches = view.containers.flatMap((setter) => {
    const { value } = setter;
    const lifecycle = partOf(view, setter, value["lifecycle"], ["lifecycle"]);
    return [
      ...PROBES.flatMap((name) => hostsOf(view, setter, value[name], [name])),
      ...(lifecycle === undefined
        ? NOTHING
        : HOOKS.flatMap((name) => hostsOf(view, setter, lifecycle[name], ["lifecycle", name]))),
    ];
  });
  if (breaches.length === 0) return undefined;
  const names = sorted(breaches.map(({ setter }) => setter.name ?? ""));
  const hosts = valuesOf(breaches);
  const detail = `${namedText("container", names)} ${use(names.length)} ${plural("probe or lifecycle host", hosts.length)} ${quoted(hosts)}`;
  return { reason: "probe or lifecycle host", detail, breaches };
}

const NOTHING: readonly Breach[] = [];

function hostsOf(view: PodView, setter: Setter, value: unknown, at: readonly Step[]): readonly Breach[] {
  const handler = partOf(view, setter, value, at);
  if (handler === undefined) return NOTHING;
  return HANDLERS.flatMap((name): readonly Breach[] => {
    const steps = [...at, name];
    const host = partOf(view, setter, handler[name], steps)?.["host"];
    return isAbsent(host) || host === ""
      ? NOTHING
      : [{ code: "PSS_HOST_PROBE", setter, at: [...steps, "host"], value: host }];
  });
}

/** @param allowed  kernel parameters that stay inside the pod */
export function sysctls(allowed: readonly string[]): (view: PodView) => Finding | undefined {
  return (view) => {
    const { pod } = view;
    const at = ["securityContext", "sysctls"];
    const breaches = entriesOf(view, pod, pod.context["sysctls"], at).flatMap(({ name }, index): Breach[] => {
      if (allowed.includes(textOf(name))) return [];
      return [{ code: "PSS_SYSCTL", setter: pod, at: [...at, index, "name"], value: name, found: textOf(name) }];
    });
    if (breaches.length === 0) return undefined;
    return { reason: "forbidden sysctls", detail: breaches.map(({ found }) => found).join(", "), breaches };
  };
}
