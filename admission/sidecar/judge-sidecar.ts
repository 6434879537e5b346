import { containersOf, field, type JsonObject, type PodSpecAt, volumesOf } from "../../core/policy/pods/pod-spec.ts";
import { PROBE_TABLE_VARIABLE, readProbeEntries } from "../../core/wire/probe-table.ts";
import { authorProblems, type Found } from "./author-limits.ts";
import { optOutOf } from "./opt-out.ts";
import { presentProbes, presentSidecar, probeTableText } from "./present.ts";
import { directProbes } from "./probes.ts";
import { resourcesOf } from "./resources.ts";
import { isGenuine } from "./sidecar-genuine.ts";
import { SIDECAR_NAME, sidecarContainer, sidecarVolumes } from "./sidecar-spec.ts";

/** What the final Pod is held to. */
export interface SidecarDemand {
  /** The image that /mutate injects; absent when the gate injects nothing. */
  readonly image?: string;
  readonly optOut: "allowed" | "refused";
  /** The same pod as it is stored, for an update. */
  readonly old?: PodSpecAt;
}

/** What is wrong with a Pod's sidecar, and what merely will not work. */
export interface SidecarFindings {
  readonly refused: readonly Found[];
  readonly advised: readonly Found[];
}

const NONE: SidecarFindings = { refused: [], advised: [] };

/**
 * Whether a Pod that should have its sidecar has it, and the genuine one: another webhook, or the author in an update,
 * may have taken it out or changed it after us. A stored pod keeps the sidecar it was created with, or has none as
 * before; only a change of it is looked at.
 *
 * @throws {CodedError} POD_MALFORMED
 */
export function judgeSidecar(pod: PodSpecAt, { image, optOut, old }: SidecarDemand): SidecarFindings {
  const out = optOutOf(pod);
  const { container } = presentSidecar(pod.spec);
  if (old !== undefined && presentSidecar(old.spec).container === undefined) return NONE;
  if (out !== undefined && old === undefined)
    return optOut === "refused" ? { refused: [optingOut(out.path, out.found)], advised: [] } : NONE;
  if (image === undefined && old === undefined)
    return optOut === "refused" ? { refused: [missing(pod)], advised: [] } : NONE;
  if (container === undefined) return { refused: [missing(pod)], advised: [] };
  return {
    refused: [...sidecarProblems(pod, container, image, old), ...volumeProblems(pod), ...authorProblems(pod)],
    advised: old === undefined ? probeAdvice(pod) : [],
  };
}

function sidecarProblems(pod: PodSpecAt, container: JsonObject, image: string | undefined, old?: PodSpecAt): Found[] {
  const { index } = presentSidecar(pod.spec);
  const place = field(pod, "initContainers").path;
  const stored = old === undefined ? undefined : presentSidecar(old.spec).container;
  const genuine =
    isOurs(container, pod, image) || (stored !== undefined && isGenuine(sized(stored, container), container));
  if (!genuine) return [altered(`${place}[${index}]`, "a container under the sidecar's name that is not the sidecar")];
  return index === 0 ? [] : [altered(`${place}[${index}]`, `the sidecar behind ${index} other init containers`)];
}

/** Its size is the author's to choose, and its probe table holds nothing but what probes may say. */
function isOurs(container: JsonObject, pod: PodSpecAt, image: string | undefined): boolean {
  if (image === undefined) return false;
  const ours = sidecarContainer(image, resourcesOf(pod));
  const table = probeTableText(container);
  const env = (ours["env"] as JsonObject[]).map((one) =>
    one["name"] === PROBE_TABLE_VARIABLE && readProbeEntries(table) !== undefined ? { ...one, value: table } : one,
  );
  return isGenuine({ ...sized(ours, container), env }, container);
}

function sized(ours: JsonObject, { resources }: JsonObject): JsonObject {
  return { ...ours, resources };
}

function volumeProblems(pod: PodSpecAt): Found[] {
  const volumes = volumesOf(pod);
  return sidecarVolumes().flatMap((ours): Found[] => {
    const found = volumes.find(({ value }) => value["name"] === ours["name"]);
    if (found !== undefined && isGenuine(ours, found.value)) return [];
    return [altered(found?.place.path ?? field(pod, "volumes").path, `no genuine volume ${String(ours["name"])}`)];
  });
}

/** Under strict mutual TLS such a probe never succeeds; a webhook after ours may have added it. */
function probeAdvice(pod: PodSpecAt): Found[] {
  const known = presentProbes(pod.spec);
  const apps = containersOf(pod).filter(({ list, name }) => list !== "ephemeralContainers" && name !== SIDECAR_NAME);
  return apps.flatMap((at) =>
    directProbes(at.container, known).map((steps) => ({
      code: "SIDECAR_PROBE_DIRECT",
      path: steps.reduce(field, at).path,
      subject: `container ${at.name}`,
      found: "a probe that the kubelet makes itself",
      expected: "one that goes through the sidecar",
      fix: "set reinvocationPolicy: IfNeeded on the webhook that injects, or use an exec probe",
    })),
  );
}

function missing(pod: PodSpecAt): Found {
  return {
    code: "SIDECAR_MISSING",
    path: field(pod, "initContainers").path,
    found: "no sidecar",
    expected: "the one that the mutating webhook injects",
    fix: "create the pod again; if it stays, check that the mutating webhook is registered and no other takes the sidecar out",
  };
}

function optingOut(path: string, found: string): Found {
  return {
    code: "SIDECAR_OPT_OUT",
    path,
    found,
    expected: "a pod with its sidecar",
    fix: "remove it, or ask for optOut: allowed in the policy",
  };
}

function altered(path: string, found: string): Found {
  return {
    code: "SIDECAR_ALTERED",
    path,
    found,
    expected: "the sidecar as it was injected",
    fix: "leave the sidecar to Outrider; a webhook that changes every container must leave this one out",
  };
}
