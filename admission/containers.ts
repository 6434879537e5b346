import { CodedError } from "../core/base/errors.ts";
import { type ImageAt, imagesOf, isObject, type JsonObject, type PodSpecAt } from "../core/policy/pods/pod-spec.ts";
import { podSpecsOf } from "../core/policy/pods/pod-spec-find.ts";
import { samePolicedPart, sameToEveryRule } from "./changes.ts";
import { ADMISSION_ERRORS } from "./errors.ts";
import { nameOf, type ReviewRequest } from "./review.ts";

/** Most images of one object; each costs registry requests. */
export const IMAGE_LIMIT = 256;

/** A pod is held against the one in its place only: against all of them, many alike pods would cost their square. */
export type OldPods = ReadonlyMap<string, PodSpecAt>;

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
  /** Pod specs of the stored object by their pointer; none when the object is new. */
  readonly oldPods: OldPods;
  /** Pod specs that differ from the one stored in their place in something that a Pod Security level looks at. */
  readonly newPods: readonly PodSpecAt[];
  /** Pods that differ from it in anything, labels and annotations included: Rego rules may read it. */
  readonly changedPods: readonly PodSpecAt[];
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
  const oldPods = storedPods(request);
  const isNew = (same: (a: PodSpecAt, b: PodSpecAt) => boolean) =>
    pods.filter((pod) => {
      const old = oldPods.get(pod.pointer);
      return old === undefined || !same(old, pod);
    });
  const differing = { newPods: isNew(samePolicedPart), changedPods: isNew(sameToEveryRule) };
  const subject = { ...none, pods, images, oldPods, ...differing };
  if (pods.length === 0) return { ...subject, unjudged: "it holds no pod spec" };
  return subject.changedPods.length > 0 ? subject : { ...subject, unjudged: "no image and no pod changed" };
}

/** The subject of a request whose object has not been looked into. */
export function extractNothing(request: ReviewRequest): Subject {
  const { group, kind, namespace, operation, object = {} } = request;
  const lists = { pods: [], images: [], newPods: [], changedPods: [] };
  return { name: nameOf(request), group, kind, namespace, operation, object, oldPods: NO_PODS, ...lists };
}

/** Only what the stored object says counts: a deletion mark on the new object alone could be an author's. */
function isBeingDeleted({ oldObject }: ReviewRequest): boolean {
  const metadata = oldObject?.["metadata"];
  return isObject(metadata) && typeof metadata["deletionTimestamp"] === "string";
}

const NO_PODS: OldPods = new Map();

/** A stored object that cannot be read vouches for nothing: then everything counts as new. */
function storedPods({ operation, oldObject, group, kind }: ReviewRequest): OldPods {
  if (operation !== "UPDATE" || oldObject === undefined) return NO_PODS;
  try {
    const pods = podSpecsOf(oldObject, group, kind);
    const tooMany = pods.flatMap(imagesOf).length > IMAGE_LIMIT;
    return tooMany ? NO_PODS : new Map(pods.map((pod) => [pod.pointer, pod]));
  } catch (thrown) {
    if (thrown instanceof CodedError) return NO_PODS;
    throw thrown;
  }
}

function limited(images: ImageAt[]): ImageAt[] {
  if (images.length <= IMAGE_LIMIT) return images;
  const message = `found ${images.length} images, expected at most ${IMAGE_LIMIT}`;
  throw new CodedError("POD_TOO_MANY_IMAGES", message, ADMISSION_ERRORS.POD_TOO_MANY_IMAGES.fix);
}
