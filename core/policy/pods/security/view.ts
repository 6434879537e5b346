import {
  CONTAINER_LIMIT,
  CONTAINER_LISTS,
  element,
  field,
  isObject,
  type JsonObject,
  objectAt,
  objectsIn,
  type Place,
  type PodSpecAt,
  textOf,
} from "../pod-spec.ts";

/** Who sets something: the pod itself or one of its containers. Its place is worked out only where it breaks a check. */
export interface Setter {
  /** Its securityContext; `{}` when it has none. */
  readonly context: JsonObject;
  /** The container, or the pod spec. */
  readonly value: JsonObject;
  /** The container's name as written, "" without one; `undefined` for the pod itself. */
  readonly name: string | undefined;
  readonly list: (typeof CONTAINER_LISTS)[number];
  readonly index: number;
}

/** A pod spec as the checks read it. Made once per evaluation; a container costs one small object. */
export interface PodView {
  readonly at: PodSpecAt;
  readonly pod: Setter;
  /** Init, ordinary and ephemeral containers, in this order. */
  readonly containers: readonly Setter[];
  /** The pod, then its containers. */
  readonly setters: readonly Setter[];
}

/** A step into an object or a list. */
export type Step = string | number;

/** What nobody wrote: shared, so that an absent part costs nothing. */
const NO_OBJECT: JsonObject = {};
const NO_ENTRIES: readonly JsonObject[] = [];

/** @throws {CodedError} POD_MALFORMED when a list, a container or a securityContext has another shape than the API's */
export function viewOf(at: PodSpecAt): PodView {
  const pod = setterOf(at, at.spec, undefined, "containers", 0);
  const containers: Setter[] = [];
  for (const list of CONTAINER_LISTS) {
    const entries = objectsOf(at.spec[list], () => field(at, list));
    for (const [index, value] of entries.entries()) {
      containers.push(setterOf(at, value, textOf(value["name"]), list, index));
    }
  }
  return { at, pod, containers, setters: [pod, ...containers] };
}

function setterOf(at: PodSpecAt, value: JsonObject, name: Setter["name"], list: Setter["list"], index: number): Setter {
  const bare = { context: NO_OBJECT, value, name, list, index };
  const context = objectOf(value["securityContext"], () => placeOf(at, bare, ["securityContext"]));
  return context === undefined ? bare : { ...bare, context };
}

/**
 * An object inside a securityContext or a container; `undefined` when it is not set, which some checks tell from
 * empty.
 *
 * @param steps  from the pod spec or the container to it
 * @throws {CodedError} POD_MALFORMED when it is something else
 */
export function partOf({ at }: PodView, setter: Setter, value: unknown, steps: readonly Step[]) {
  return objectOf(value, () => placeOf(at, setter, steps));
}

/** The entries of a list of objects. @throws {CodedError} POD_MALFORMED when it is something else, or too long */
export function entriesOf({ at }: PodView, setter: Setter, value: unknown, steps: readonly Step[]) {
  return objectsOf(value, () => placeOf(at, setter, steps));
}

function objectOf(value: unknown, place: () => Place): JsonObject | undefined {
  if (value === undefined || value === null) return undefined;
  return isObject(value) ? value : objectAt(value, place());
}

function objectsOf(value: unknown, list: () => Place): readonly JsonObject[] {
  if (value === undefined || value === null) return NO_ENTRIES;
  if (Array.isArray(value) && value.length <= CONTAINER_LIMIT && value.every(isObject)) return value;
  return objectsIn(value, list()).map((entry) => entry.value);
}

export function placeOf(at: PodSpecAt, { name, list, index }: Setter, steps: readonly Step[]): Place {
  return steps.reduce<Place>(stepInto, name === undefined ? at : element(field(at, list), index));
}

export function stepInto(place: Place, step: Step): Place {
  return typeof step === "number" ? element(place, step) : field(place, step);
}

/** Where a pod keeps its metadata: beside its spec. */
export function metadataPlace({ path, pointer }: PodSpecAt): Place {
  const around = path === "spec" ? "" : path.replace(/\.spec$/, "");
  return field({ path: around, pointer: pointer.replace(/\/spec$/, "") }, "metadata");
}

/** `spec.os.name` says the pod runs on Windows, which has nothing of what only Linux can set. */
export function isWindows(view: PodView): boolean {
  return partOf(view, view.pod, view.at.spec["os"], ["os"])?.["name"] === "windows";
}

/** A pod with a user namespace of its own: root inside it is nobody outside. @see KEP-127 */
export function hasUserNamespace({ at }: PodView): boolean {
  return at.spec["hostUsers"] === false;
}
