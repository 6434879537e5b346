import { isDeepStrictEqual } from "node:util";
import { CodedError } from "../core/base/errors.ts";
import { type ImageAt, imagesOf, isObject, type JsonObject, type PodSpecAt } from "../core/policy/pods/pod-spec.ts";
import { podSpecsOf } from "../core/policy/pods/pod-spec-find.ts";
import { ADMISSION_ERRORS } from "./errors.ts";
import { nameOf, type ReviewRequest } from "./review.ts";

/** Most images of one object; each costs registry requests. */
export const IMAGE_LIMIT = 256;

/** What one review is about, and which parts of it must be judged. */
export interface Subject {
  /** "Pod shop/checkout" */
  readonly name: string;
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly operation: ReviewRequest["operation"];
  readonly object: JsonObject;
  /** Every pod spec of the object, and every image of those. */
  readonly pods: readonly PodSpecAt[];
  readonly images: readonly ImageAt[];
  /** Images that the old object does not have at the same place: the ones that need evidence. */
  readonly newImages: readonly ImageAt[];
  /** Pod specs that differ from the old object's at the same place. */
  readonly newPods: readonly PodSpecAt[];
  /** Pods whose labels or annotations differ, or that are new: Rego rules may read those. */
  readonly relabelled: readonly PodSpecAt[];
  /** Why nothing of it needs judging; absent when something does. */
  readonly unjudged?: string;
}

/**
 * Finds what a review must answer for. An update is judged only where an image or a pod differs from the stored
 * object, and never once the object is being deleted, so that finalizers, scaling and job tracking do not hang on
 * evidence that has aged since.
 *
 * @throws {CodedError} POD_MALFORMED, POD_TOO_MANY_IMAGES
 */
export function extract(request: ReviewRequest): Subject {
  const { group, kind, operation, object = {} } = request;
  const none = extractNothing(request);
  if (operation === "DELETE" || operation === "CONNECT") return { ...none, unjudged: `${operation} runs no image` };
  if (operation === "UPDATE" && isBeingDeleted(request)) return { ...none, unjudged: "the object is being deleted" };
  const pods = podSpecsOf(object, group, kind);
  const images = limited(pods.flatMap(imagesOf));
  const old = operation === "UPDATE" ? request.oldObject : undefined;
  const subject = {
    ...none,
    pods,
    images,
    ...changes(pods, images, old === undefined ? [] : podSpecsOf(old, group, kind)),
  };
  if (pods.length === 0) return { ...subject, unjudged: "it holds no pod spec" };
  if (subject.newPods.length + subject.relabelled.length > 0) return subject;
  return { ...subject, unjudged: "no image and no pod changed" };
}

/** The subject of a request whose object has not been looked into. */
export function extractNothing(request: ReviewRequest): Subject {
  const { group, kind, namespace, operation, object = {} } = request;
  const lists = { pods: [], images: [], newImages: [], newPods: [], relabelled: [] };
  return { name: nameOf(request), group, kind, namespace, operation, object, ...lists };
}

/** Only what the stored object says counts: a deletion mark on the new object alone could be an author's. */
function isBeingDeleted({ oldObject }: ReviewRequest): boolean {
  const metadata = oldObject?.["metadata"];
  return isObject(metadata) && typeof metadata["deletionTimestamp"] === "string";
}

function changes(pods: readonly PodSpecAt[], images: readonly ImageAt[], oldPods: readonly PodSpecAt[]) {
  const oldImages = new Map(oldPods.flatMap(imagesOf).map(({ pointer, reference }) => [pointer, reference]));
  const differing = (same: (a: PodSpecAt, b: PodSpecAt) => boolean) =>
    pods.filter((pod) => !oldPods.some((old) => old.pointer === pod.pointer && same(old, pod)));
  return {
    newImages: images.filter(({ pointer, reference }) => oldImages.get(pointer) !== reference),
    newPods: differing(samePod),
    relabelled: differing((a, b) => samePod(a, b) && sameMetadata(a, b)),
  };
}

/** Profiles of AppArmor, and of seccomp before Kubernetes 1.19, are written as annotations: a pod's level reads them. */
function samePod(a: PodSpecAt, b: PodSpecAt): boolean {
  return isDeepStrictEqual(a.spec, b.spec) && isDeepStrictEqual(profilesOf(a), profilesOf(b));
}

function profilesOf({ metadata }: PodSpecAt): JsonObject {
  const annotations = isObject(metadata["annotations"]) ? metadata["annotations"] : {};
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => /apparmor|seccomp/.test(name)));
}

function sameMetadata(a: PodSpecAt, b: PodSpecAt): boolean {
  return ["labels", "annotations"].every((part) => isDeepStrictEqual(a.metadata[part], b.metadata[part]));
}

function limited(images: ImageAt[]): ImageAt[] {
  if (images.length <= IMAGE_LIMIT) return images;
  const message = `${images.length} images, more than ${IMAGE_LIMIT}`;
  throw new CodedError("POD_TOO_MANY_IMAGES", message, ADMISSION_ERRORS.POD_TOO_MANY_IMAGES.fix);
}
