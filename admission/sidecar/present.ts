import { isObject, type JsonObject, textOf } from "../../core/policy/pods/pod-spec.ts";
import { PROBE_TABLE_VARIABLE, readProbeEntries } from "../../core/wire/probe-table.ts";
import type { ProbeEntries } from "./probes.ts";
import { SIDECAR_NAME } from "./sidecar-spec.ts";

/** The container under the sidecar's name, whoever wrote it, and where it stands among the init containers. */
export function presentSidecar(spec: JsonObject): { readonly index: number; readonly container?: JsonObject } {
  const initContainers = listOf(spec["initContainers"]);
  const index = initContainers.findIndex((container) => isObject(container) && container["name"] === SIDECAR_NAME);
  const container = initContainers[index];
  return isObject(container) ? { index, container } : { index };
}

/**
 * The probe table on a pod. Whoever wrote it: it can say no more than probes of the pod could, because every entry is
 * a target that we would have written for one.
 */
export function presentProbes(spec: JsonObject): ProbeEntries {
  return readProbeEntries(probeTableText(presentSidecar(spec).container ?? {})) ?? {};
}

/** The value of the sidecar's table variable; empty when it has none. */
export function probeTableText(sidecar: JsonObject): string {
  const variable = listOf(sidecar["env"]).find((one) => isObject(one) && one["name"] === PROBE_TABLE_VARIABLE);
  return isObject(variable) ? textOf(variable["value"]) : "";
}

/** A list as it is, so that its indices hold; nothing else is one. */
export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
