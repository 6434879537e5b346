import {
  type ContainerAt,
  containersOf,
  field,
  isObject,
  type JsonObject,
  type PodSpecAt,
} from "../../core/policy/pods/pod-spec.ts";
import { formatProbeTable, PROBE_TABLE_LIMIT_CHARS } from "../../core/wire/probe-table.ts";
import type { PatchOperation } from "../pin.ts";
import { authorProblems, type Found } from "./author-limits.ts";
import {
  blanksOf,
  ejectSidecar,
  formatBlanks,
  INJECTED_ANNOTATION,
  ORIGINAL_ANNOTATION,
  type PodLike,
} from "./eject.ts";
import { listOf, presentProbes, presentSidecar } from "./present.ts";
import { type ProbeProblem, type RewrittenProbe, rewriteProbes } from "./probes.ts";
import { resourceProblems, resourcesOf } from "./resources.ts";
import { isGenuine } from "./sidecar-genuine.ts";
import { SIDECAR_NAME, sidecarContainer, sidecarVolumes } from "./sidecar-spec.ts";

/** What injection comes to: how to change the pod, or why it cannot be. */
export type Injected =
  | { readonly kind: "patch"; readonly operations: readonly PatchOperation[] }
  | { readonly kind: "refused"; readonly problems: readonly Found[] };

export interface InjectionOptions {
  /** Pinned by digest. */
  readonly image: string;
  /** 32 random hex digits. */
  readonly newToken: () => string;
}

/**
 * Gives a pod its sidecar: a native one (an init container that restarts always), placed first, so that it runs before
 * and ends after everything else, with the application's probes sent to it. Whatever of it is there already is taken
 * down to what the author wrote and built again, so it may be called after anybody's change, and changes nothing when
 * nothing is missing.
 *
 * @param pod  where the pod's spec stands, which the operations' paths begin with
 * @param owner  the Pod, or the template, around that spec
 * @throws {CodedError} POD_MALFORMED
 */
export function injectInto(pod: PodSpecAt, owner: PodLike, { image, newToken }: InjectionOptions): Injected {
  const known = presentProbes(pod.spec);
  const apps = containersOf(pod).filter(isProbed);
  const rewritten = apps.map((at) => ({ at, ...rewriteProbes(at.container, known, newToken) }));
  const entries = Object.fromEntries(rewritten.flatMap((one) => one.rewritten.map(({ key, entry }) => [key, entry])));
  const problems = [
    ...authorProblems(pod),
    ...resourceProblems(pod),
    ...rewritten.flatMap(({ at, problems: own }) => own.map((problem) => probeProblem(at, problem))),
    ...tableProblems(pod, entries),
  ];
  if (problems.length > 0) return { kind: "refused", problems };
  const operations = [
    ...rewritten.flatMap(({ at, rewritten: probes }) => probes.flatMap((probe) => probeOperation(at, probe))),
    ...containerOperations(pod, sidecarContainer(image, resourcesOf(pod), entries)),
    ...volumeOperations(pod),
  ];
  const base = pod.pointer.slice(0, -"/spec".length);
  return { kind: "patch", operations: operations.length === 0 ? [] : [...operations, ...annotate(base, owner, image)] };
}

/** The application's containers: an ephemeral one has no probes, and the sidecar's own are ours. */
function isProbed({ list, name }: ContainerAt): boolean {
  return list !== "ephemeralContainers" && name !== SIDECAR_NAME;
}

function probeOperation(at: ContainerAt, { steps, owner, changed }: RewrittenProbe): PatchOperation[] {
  return changed ? [{ op: "replace", path: steps.reduce(field, at).pointer, value: owner }] : [];
}

function containerOperations({ pointer, spec }: PodSpecAt, sidecar: JsonObject): PatchOperation[] {
  const { index, container } = presentSidecar(spec);
  if (index === 0 && container !== undefined && isGenuine(sidecar, container)) return [];
  const path = `${pointer}/initContainers`;
  if (!Array.isArray(spec["initContainers"])) return [{ op: "add", path, value: [sidecar] }];
  const remove: PatchOperation[] = index < 0 ? [] : [{ op: "remove", path: `${path}/${index}` }];
  return [...remove, { op: "add", path: `${path}/0`, value: sidecar }];
}

/** The sidecar's volumes; another volume under one of their names would hand it somebody else's configuration. */
function volumeOperations({ pointer, spec }: PodSpecAt): PatchOperation[] {
  const path = `${pointer}/volumes`;
  if (!Array.isArray(spec["volumes"])) return [{ op: "add", path, value: sidecarVolumes() }];
  const existing = listOf(spec["volumes"]);
  return sidecarVolumes().flatMap((value): PatchOperation[] => {
    const index = existing.findIndex((volume) => isObject(volume) && volume["name"] === value["name"]);
    const present = existing[index];
    if (!isObject(present)) return [{ op: "add", path: `${path}/-`, value }];
    return isGenuine(value, present) ? [] : [{ op: "replace", path: `${path}/${index}`, value }];
  });
}

function annotate(base: string, owner: PodLike, image: string): PatchOperation[] {
  const blanks = formatBlanks(blanksOf(ejectSidecar(owner)));
  const digest = image.slice(image.lastIndexOf("@") + 1);
  const ours = { [INJECTED_ANNOTATION]: digest, ...(blanks === undefined ? {} : { [ORIGINAL_ANNOTATION]: blanks }) };
  const { metadata } = owner;
  if (!isObject(metadata)) return [{ op: "add", path: `${base}/metadata`, value: { annotations: ours } }];
  const { annotations } = metadata;
  const path = `${base}/metadata/annotations`;
  if (!isObject(annotations)) return [{ op: "add", path, value: ours }];
  const at = (name: string): string => `${path}/${name.replaceAll("/", "~1")}`;
  const stale = blanks === undefined && annotations[ORIGINAL_ANNOTATION] !== undefined;
  return [
    ...Object.entries(ours).map(([name, value]) => ({ op: "add" as const, path: at(name), value })),
    ...(stale ? [{ op: "remove" as const, path: at(ORIGINAL_ANNOTATION) }] : []),
  ];
}

function probeProblem(at: ContainerAt, { steps, found }: ProbeProblem): Found {
  return {
    code: "SIDECAR_PROBE",
    path: steps.reduce(field, at).path,
    subject: `container ${at.name}`,
    found,
    expected: "a probe that the sidecar can make for the kubelet",
    fix: "correct the probe, or opt out with outrider.dev/inject: disabled",
  };
}

function tableProblems(pod: PodSpecAt, entries: Readonly<Record<string, object>>): Found[] {
  const { length } = formatProbeTable(entries);
  if (length <= PROBE_TABLE_LIMIT_CHARS) return [];
  return [
    {
      code: "SIDECAR_PROBE",
      path: pod.path,
      found: `probes of ${length} characters together`,
      expected: `at most ${PROBE_TABLE_LIMIT_CHARS}`,
      fix: "shorten the probes' paths and headers",
    },
  ];
}
