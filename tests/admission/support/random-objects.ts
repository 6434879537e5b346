import fc from "fast-check";

/** Where an image may stand in a pod spec. */
export const IMAGE_LISTS = ["containers", "initContainers", "ephemeralContainers", "volumes"] as const;
type ImageList = (typeof IMAGE_LISTS)[number];

/** One image at one place: of the object's pod, or of another pod somewhere in an object of an unknown kind. */
export interface ImagePlace {
  readonly list: ImageList;
  /** Fields and lists that lead to a pod of its own; empty for the object's pod. */
  readonly nest: readonly string[];
}

const KINDS = [
  ["v1", "Pod", []],
  ["v1", "PodTemplate", ["template"]],
  ["v1", "ReplicationController", ["spec", "template"]],
  ["apps/v1", "Deployment", ["spec", "template"]],
  ["apps/v1", "StatefulSet", ["spec", "template"]],
  ["apps/v1", "DaemonSet", ["spec", "template"]],
  ["apps/v1", "ReplicaSet", ["spec", "template"]],
  ["batch/v1", "Job", ["spec", "template"]],
  ["batch/v1", "CronJob", ["spec", "jobTemplate", "spec", "template"]],
  ["example.com/v1", "Thing", ["spec", "workload"]],
  ["example.com/v1", "Thing", ["status", "0", "deep", "er"]],
] as const;

export interface Shape {
  readonly apiVersion: string;
  readonly kind: string;
  readonly path: readonly string[];
}

export const randomKind: fc.Arbitrary<Shape> = fc
  .constantFrom(...KINDS)
  .map(([apiVersion, kind, path]) => ({ apiVersion, kind, path }));

/** The names of fields that custom resources give to their pods, or to lists of them. */
const STEPS = ["spec", "template", "workers", "0", "podTemplate", "a.b", "x/y~z", "constructor"];

/** A place for an image in an object of this kind; only unknown kinds hold pods beside their own. */
export function randomPlace({ kind }: Shape): fc.Arbitrary<ImagePlace> {
  const nest = fc.array(fc.constantFrom(...STEPS), { minLength: 1, maxLength: 5 });
  return fc.record({
    list: fc.constantFrom(...IMAGE_LISTS),
    nest: kind === "Thing" ? fc.oneof(fc.constant([]), nest) : fc.constant([]),
  });
}

/** An object of a kind with images at places; its own pod has `first` as its first container. */
export function objectWith(shape: Shape, first: string, more: readonly (readonly [ImagePlace, string])[]): object {
  const own: Record<string, unknown> = { containers: [entry("containers", first, 0)] };
  const root: Record<string, unknown> = { apiVersion: shape.apiVersion, kind: shape.kind, metadata: { name: "web" } };
  const holder = descend(root, shape.path);
  holder["metadata"] = { ...(holder["metadata"] as object | undefined), labels: { owner: "team-shop" } };
  holder["spec"] = Object.assign((holder["spec"] as object | undefined) ?? {}, own);
  for (const [{ list, nest }, image] of more) {
    const spec = nest.length === 0 ? own : descend(root, ["extra", ...nest]);
    const target = nest.length === 0 ? (holder["spec"] as Record<string, unknown>) : spec;
    const entries = (target[list] as object[] | undefined) ?? [];
    target[list] = [...entries, entry(list, image, entries.length)];
  }
  return root;
}

function entry(list: ImageList, image: string, index: number): object {
  const name = `${list.toLowerCase()}-${index}`;
  return list === "volumes" ? { name, image: { reference: image } } : { name, image };
}

function descend(root: Record<string, unknown>, path: readonly string[]): Record<string, unknown> {
  return path.reduce((at, step) => {
    if (!Object.hasOwn(at, step)) Object.defineProperty(at, step, { value: {}, enumerable: true, writable: true });
    return at[step] as Record<string, unknown>;
  }, root);
}
