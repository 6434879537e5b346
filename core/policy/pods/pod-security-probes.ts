import { type Breach, breachAt } from "./pod-security-check.ts";
import { type ContainerAt, containersOf, field, objectAt, type Place, type PodSpecAt } from "./pod-spec.ts";

const PROBES = ["livenessProbe", "readinessProbe", "startupProbe"];
const HOOKS = ["postStart", "preStop"];
const HANDLERS = ["httpGet", "tcpSocket"];

/**
 * Probes and lifecycle hooks that name a host, by which the kubelet would call an address of the author's choice.
 * @see KEP-4940 and the standard's "Host Probes / Lifecycle Hooks", since v1.34
 */
export function hostFields(pod: PodSpecAt): Breach[] {
  return containersOf(pod).flatMap((container) => {
    const lifecycle = field(container, "lifecycle");
    const hooks = objectAt(container.container["lifecycle"], lifecycle);
    return [
      ...PROBES.flatMap((name) => hostOf(container.container[name], field(container, name), container)),
      ...HOOKS.flatMap((name) => hostOf(hooks[name], field(lifecycle, name), container)),
    ];
  });
}

function hostOf(value: unknown, at: Place, container: ContainerAt): Breach[] {
  const handler = objectAt(value, at);
  return HANDLERS.flatMap((name) => {
    const place = field(at, name);
    const { host } = objectAt(handler[name], place);
    return host === undefined || host === null || host === "" ? [] : [breachAt(field(place, "host"), host, container)];
  });
}
