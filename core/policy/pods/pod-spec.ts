import { CodedError } from "../../base/errors.ts";
import { shownJson } from "../../base/shown-json.ts";
import { POLICY_ERRORS } from "../errors.ts";

/** A JSON object whose shape nobody checked. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** One place of an object, as a person writes it and as RFC 6901 does. */
export interface Place {
  /** "spec.initContainers[0].image" */
  readonly path: string;
  /** "/spec/initContainers/0/image" */
  readonly pointer: string;
}

/** A pod spec inside some object: a Pod's own, or a template's. */
export interface PodSpecAt extends Place {
  readonly spec: JsonObject;
  /** Of the pod (a template's own metadata), never of the object around it. */
  readonly metadata: JsonObject;
}

export const CONTAINER_LISTS = ["initContainers", "containers", "ephemeralContainers"] as const;

export interface ContainerAt extends Place {
  readonly list: (typeof CONTAINER_LISTS)[number];
  /** Empty when the object has none. */
  readonly name: string;
  readonly container: JsonObject;
}

/** One image that the kubelet would pull for a pod. */
export interface ImageAt extends Place {
  /** As written; empty when the container names none. */
  readonly reference: string;
}

/** Most containers of one pod spec that are looked at; a pod with more is refused. */
export const CONTAINER_LIMIT = 512;

export const ROOT: Place = { path: "", pointer: "" };

/** A named field below a place. */
export function field(at: Place, name: string): Place {
  const escaped = name.replaceAll("~", "~0").replaceAll("/", "~1");
  const plain = /^[A-Za-z_$][\w$-]*$/.test(name);
  const path = plain ? `${at.path === "" ? "" : `${at.path}.`}${name}` : `${at.path}[${JSON.stringify(name)}]`;
  return { path, pointer: `${at.pointer}/${escaped}` };
}

/** One element of a list. */
export function element(at: Place, index: number): Place {
  return { path: `${at.path}[${index}]`, pointer: `${at.pointer}/${index}` };
}

/**
 * Every container of a pod spec: the one walk over all lists, so that no check forgets one.
 *
 * @throws {CodedError} POD_MALFORMED when a list is not a list of objects, or holds too many
 */
export function containersOf(at: PodSpecAt): ContainerAt[] {
  return CONTAINER_LISTS.flatMap((list) =>
    objectsIn(at.spec[list], field(at, list)).map(({ place, value }) => ({
      ...place,
      list,
      name: textOf(value["name"]),
      container: value,
    })),
  );
}

/** Volumes of a pod spec. @throws {CodedError} POD_MALFORMED */
export function volumesOf(at: PodSpecAt): { readonly place: Place; readonly value: JsonObject }[] {
  return objectsIn(at.spec["volumes"], field(at, "volumes"));
}

/**
 * Every image of a pod spec: of each container, and of each image volume.
 *
 * @throws {CodedError} POD_MALFORMED when an image is not text
 * @see https://kubernetes.io/docs/concepts/storage/volumes/#image
 */
export function imagesOf(at: PodSpecAt): ImageAt[] {
  const ofContainers = containersOf(at).map((c) => imageAt(field(c, "image"), c.container["image"]));
  const ofVolumes = volumesOf(at).flatMap(({ place, value }) => {
    if (value["image"] === undefined || value["image"] === null) return [];
    const image = objectAt(value["image"], field(place, "image"));
    return [imageAt(field(field(place, "image"), "reference"), image["reference"])];
  });
  return [...ofContainers, ...ofVolumes];
}

/** An object below a place, `{}` when absent. @throws {CodedError} POD_MALFORMED when it is something else */
export function objectAt(value: unknown, place: Place): JsonObject {
  if (value === undefined || value === null) return {};
  if (isObject(value)) return value;
  throw malformed(place.path, "an object", value);
}

/** The objects of a list with their places. @throws {CodedError} POD_MALFORMED */
export function objectsIn(value: unknown, list: Place): { readonly place: Place; readonly value: JsonObject }[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw malformed(list.path, "a list", value);
  if (value.length > CONTAINER_LIMIT) throw malformed(list.path, `at most ${CONTAINER_LIMIT} entries`, value.length);
  return value.map((entry, index) => {
    const place = element(list, index);
    if (!isObject(entry)) throw malformed(place.path, "an object", entry);
    return { place, value: entry };
  });
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text itself, or "" for anything else. */
export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function imageAt(place: Place, value: unknown): ImageAt {
  if (value === undefined || value === null || typeof value === "string") return { ...place, reference: value ?? "" };
  throw malformed(place.path, "an image reference", value);
}

const SHOWN_CHARS = 60;

export function malformed(path: string, expected: string, found: unknown): CodedError {
  const message = `${path}: expected ${expected}, found ${shownJson(found, SHOWN_CHARS)}`;
  return new CodedError("POD_MALFORMED", message, POLICY_ERRORS.POD_MALFORMED.fix);
}
