import {
  element,
  field,
  isObject,
  type JsonObject,
  malformed,
  objectAt,
  type Place,
  type PodSpecAt,
  ROOT,
} from "./pod-spec.ts";

/** Deepest nesting searched in a kind we do not know; a deeper object is refused, because a pod could hide below. */
export const SEARCH_DEPTH_LIMIT = 64;
/** Most values looked at in a kind we do not know. */
export const SEARCH_NODE_LIMIT = 200_000;
/** Longest path to a pod, in characters; every image and every violation below repeats it. */
export const PATH_LIMIT_CHARS = 4096;

const TEMPLATE = ["spec", "template"];

/** Where each built-in kind keeps its pod, by "group/kind": the fields that lead to an object with `metadata` and `spec`. */
const POD_OF_KIND: Readonly<Record<string, readonly string[]>> = {
  "/Pod": [],
  "/PodTemplate": ["template"],
  "/ReplicationController": TEMPLATE,
  "apps/ReplicaSet": TEMPLATE,
  "apps/Deployment": TEMPLATE,
  "apps/StatefulSet": TEMPLATE,
  "apps/DaemonSet": TEMPLATE,
  "batch/Job": TEMPLATE,
  "batch/CronJob": ["spec", "jobTemplate", "spec", "template"],
};

/** Whether a kind is one of Kubernetes' own that hold a pod; all of those live in a namespace. */
export function isPodKind(group: string, kind: string): boolean {
  return POD_OF_KIND[`${group}/${kind}`] !== undefined;
}

/** Lists that make an object look like a pod spec. */
const LIST_KEYS = ["containers", "initContainers", "ephemeralContainers", "volumes"] as const;

/**
 * Every pod spec of an object. Built-in kinds by their one place, which must be there; any other kind by search, so
 * that a custom resource that embeds a pod is judged without being known.
 *
 * @param group  API group, "" for the core group
 * @throws {CodedError} POD_MALFORMED when a built-in kind has no pod spec with a container, or the search would be
 *   cut short: what cannot be found cannot be judged
 */
export function podSpecsOf(object: JsonObject, group: string, kind: string): PodSpecAt[] {
  const steps = POD_OF_KIND[`${group}/${kind}`];
  if (steps === undefined) return searchPodSpecs(object);
  const [pod, place] = descend(object, steps);
  const at = field(place, "spec");
  if (!isObject(pod["spec"])) throw malformed(at.path, "a pod spec", pod["spec"]);
  const { containers } = pod["spec"];
  if (!Array.isArray(containers) || containers.length === 0) {
    throw malformed(field(at, "containers").path, "at least one container", containers);
  }
  return [{ ...at, spec: pod["spec"], metadata: objectAt(pod["metadata"], field(place, "metadata")) }];
}

function descend(object: JsonObject, steps: readonly string[]): [JsonObject, Place] {
  let place: Place = ROOT;
  for (const step of steps) {
    place = field(place, step);
    object = objectAt(object[step], place);
  }
  return [object, place];
}

/**
 * Breadth-first, without recursion: the object may be as deep as its sender liked. Runs once per review of an unknown
 * kind; a value costs one small object, its place is worked out only where a pod is found.
 */
function searchPodSpecs(root: JsonObject): PodSpecAt[] {
  const found: PodSpecAt[] = [];
  let level: Node[] = [{ value: root, owner: root, key: "", parent: undefined }];
  let seen = 0;
  for (let depth = 0; level.length > 0; depth++) {
    const next: Node[] = [];
    for (const node of level) {
      const { value, owner } = node;
      if (isObject(value) && looksLikePodSpec(value))
        found.push({ ...shortPlaceOf(node), spec: podPartsOf(value), metadata: metadataOf(owner) });
      pushChildren(node, next);
      if (depth >= SEARCH_DEPTH_LIMIT || seen + next.length >= SEARCH_NODE_LIMIT) refuseMore(next);
    }
    seen += next.length;
    level = next;
  }
  return found;
}

interface Node {
  readonly value: object;
  /** The object around it: where a template keeps its metadata. */
  readonly owner: JsonObject;
  readonly key: string | number;
  readonly parent: Node | undefined;
}

function pushChildren(parent: Node, into: Node[]): void {
  const { value } = parent;
  if (Array.isArray(value)) {
    for (const [key, entry] of value.entries()) {
      if (isNested(entry)) into.push({ value: entry, owner: parent.owner, key, parent });
      if (into.length > SEARCH_NODE_LIMIT) return;
    }
    return;
  }
  const owner = value as JsonObject;
  for (const key in owner) {
    const entry = owner[key];
    if (isNested(entry)) into.push({ value: entry, owner, key, parent });
    if (into.length > SEARCH_NODE_LIMIT) return;
  }
}

function placeOf({ key, parent }: Node): Place {
  if (parent === undefined) return ROOT;
  return typeof key === "number" ? element(placeOf(parent), key) : field(placeOf(parent), key);
}

function shortPlaceOf(node: Node): Place {
  const place = placeOf(node);
  if (place.path.length <= PATH_LIMIT_CHARS) return place;
  throw malformed("(object)", `a path of at most ${PATH_LIMIT_CHARS} characters`, place.path);
}

function refuseMore([first]: readonly Node[]): void {
  if (first !== undefined) throw tooLarge(placeOf(first).path);
}

const isNested = (value: unknown): value is object => typeof value === "object" && value !== null;

function looksLikePodSpec(value: JsonObject): boolean {
  return LIST_KEYS.some((key) => holdsImages(value[key]));
}

function holdsImages(list: unknown): boolean {
  return Array.isArray(list) && list.some((entry) => isObject(entry) && holdsImage(entry));
}

/** A container's image is text; an image volume's is an object with a reference. */
function holdsImage(entry: JsonObject): boolean {
  const image = entry["image"];
  return typeof image === "string" || (isObject(image) && typeof image["reference"] === "string");
}

/**
 * Drops lists that merely share a name with a pod's (no entry holds an image). A list in which any entry does stays
 * whole, so that an odd entry beside it is an error and not a way to hide.
 */
function podPartsOf(value: JsonObject): JsonObject {
  const foreign = LIST_KEYS.filter((key) => !holdsImages(value[key]));
  return Object.fromEntries(Object.entries(value).filter(([key]) => !(foreign as readonly string[]).includes(key)));
}

function metadataOf(owner: JsonObject): JsonObject {
  return isObject(owner["metadata"]) ? owner["metadata"] : {};
}

function tooLarge(path: string) {
  return malformed(path, `an object of at most ${SEARCH_DEPTH_LIMIT} levels and ${SEARCH_NODE_LIMIT} values`, "more");
}
