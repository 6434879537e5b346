import { isObject, type JsonObject, textOf } from "../../core/policy/pods/pod-spec.ts";
import { listOf, presentProbes } from "./present.ts";
import { type ProbeEntries, restoreProbes } from "./probes.ts";
import { SIDECAR_NAME, SIDECAR_VOLUMES } from "./sidecar-spec.ts";

/** Says that a pod got its sidecar, and which; read by people, never believed by the gate. */
export const INJECTED_ANNOTATION = "outrider.dev/injected";
/** Which lists of the pod were there but empty before; written only where one was. */
export const ORIGINAL_ANNOTATION = "outrider.dev/original";

/** Places that injection fills, and that are gone again when they hold nothing else. */
const FILLED = ["initContainers", "volumes", "annotations", "metadata"] as const;
type Filled = (typeof FILLED)[number];
type Blank = "empty" | "null";
export type Blanks = Readonly<Partial<Record<Filled, Blank>>>;

/** A Pod, or a template: what has a pod's `metadata` and `spec`. */
export type PodLike = JsonObject & { readonly spec: JsonObject };

/**
 * The pod as its author wrote it: without the sidecar, its volumes and its annotations, every probe with the handler it
 * had. The same object when it holds nothing of ours.
 */
export function ejectSidecar(pod: PodLike): PodLike {
  const blanks = blanksSaid(pod);
  const spec = ejectSpec(pod.spec, presentProbes(pod.spec), blanks);
  const metadata = ejectMetadata(pod["metadata"], blanks);
  if (spec === pod.spec && metadata === pod["metadata"]) return pod;
  return withField({ ...pod, spec }, "metadata", metadata) as PodLike;
}

/** Which of the places that injection fills were there but blank: what `ejectSidecar` could not tell from absent. */
export function blanksOf(pod: PodLike): Blanks {
  const metadata = pod["metadata"];
  const { initContainers, volumes } = pod.spec;
  const annotations = isObject(metadata) ? metadata["annotations"] : undefined;
  const found = { initContainers, volumes, annotations, metadata };
  return Object.fromEntries(FILLED.flatMap((name) => blankOf(found[name]).map((blank) => [name, blank])));
}

function blankOf(value: unknown): Blank[] {
  if (value === null) return ["null"];
  return typeof value === "object" && Object.keys(value).length === 0 ? ["empty"] : [];
}

/** Only reading is done with it, so that a forged one can leave nothing but another kind of nothing. */
function blanksSaid(pod: PodLike): Blanks {
  const annotations = isObject(pod["metadata"]) ? pod["metadata"]["annotations"] : undefined;
  const words = isObject(annotations) ? textOf(annotations[ORIGINAL_ANNOTATION]).split(" ") : [];
  return Object.fromEntries(
    FILLED.flatMap((name) =>
      (["empty", "null"] as const).flatMap((b) => (words.includes(`${name}=${b}`) ? [[name, b]] : [])),
    ),
  );
}

/** The annotation's value: "initContainers=empty volumes=null"; `undefined` when nothing was blank. */
export function formatBlanks(blanks: Blanks): string | undefined {
  const words = Object.entries(blanks).map(([name, blank]) => `${name}=${blank}`);
  return words.length === 0 ? undefined : words.join(" ");
}

function ejectSpec(spec: JsonObject, known: ProbeEntries, blanks: Blanks): JsonObject {
  const restored = (["containers", "initContainers"] as const).reduce(
    (now, list) => mapList(now, list, (container) => restoreProbes(container, known)),
    spec,
  );
  const alone = without(restored, "initContainers", (container) => container["name"] === SIDECAR_NAME, blanks);
  return without(alone, "volumes", (volume) => SIDECAR_VOLUMES.includes(textOf(volume["name"])), blanks);
}

function ejectMetadata(metadata: unknown, blanks: Blanks): unknown {
  const annotations = isObject(metadata) ? metadata["annotations"] : undefined;
  if (!isObject(metadata) || !isObject(annotations)) return metadata;
  const kept = Object.entries(annotations).filter(
    ([name]) => name !== INJECTED_ANNOTATION && name !== ORIGINAL_ANNOTATION,
  );
  if (kept.length === Object.keys(annotations).length) return metadata;
  const left = kept.length > 0 ? Object.fromEntries(kept) : blankAs(blanks.annotations, {});
  const next = withField(metadata, "annotations", left);
  return Object.keys(next).length > 0 ? next : blankAs(blanks.metadata, {});
}

function without(
  spec: JsonObject,
  list: "initContainers" | "volumes",
  isOurs: (entry: JsonObject) => boolean,
  blanks: Blanks,
) {
  const before = listOf(spec[list]);
  const after = before.filter((entry) => !isObject(entry) || !isOurs(entry));
  if (after.length === before.length) return spec;
  return withField(spec, list, after.length > 0 ? after : blankAs(blanks[list], []));
}

function mapList(spec: JsonObject, list: string, change: (entry: JsonObject) => JsonObject): JsonObject {
  const before = listOf(spec[list]);
  const after = before.map((entry) => (isObject(entry) ? change(entry) : entry));
  return after.every((entry, index) => entry === before[index]) ? spec : { ...spec, [list]: after };
}

function blankAs(blank: Blank | undefined, empty: object): unknown {
  return blank === undefined ? undefined : blank === "null" ? null : empty;
}

/** The object with the field, or without it when there is no value for it. */
function withField(object: JsonObject, name: string, value: unknown): JsonObject {
  if (value !== undefined) return { ...object, [name]: value };
  return Object.fromEntries(Object.entries(object).filter(([key]) => key !== name));
}
