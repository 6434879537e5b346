import { CodedError } from "../core/base/errors.ts";
import { shownJson } from "../core/base/shown-json.ts";
import { isObject, type JsonObject } from "../core/policy/pods/pod-spec.ts";
import { isPodKind } from "../core/policy/pods/pod-spec-find.ts";
import { plainText } from "./answer/plain-text.ts";
import { ADMISSION_ERRORS } from "./errors.ts";

/** Largest body judged. The API server's own limit is about 3 MiB per object, and a review of an update holds two. */
export const REVIEW_LIMIT_BYTES = 8 * 1024 * 1024;

const OPERATIONS = ["CREATE", "UPDATE", "DELETE", "CONNECT"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** The request half of an AdmissionReview, every field checked. */
export interface ReviewRequest {
  readonly uid: string;
  /** API group, "" for the core group. */
  readonly group: string;
  readonly kind: string;
  readonly subResource: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
  readonly operation: Operation;
  readonly username: string;
  readonly dryRun: boolean;
  /** Absent when the operation has none (DELETE, CONNECT). */
  readonly object?: JsonObject;
  readonly oldObject?: JsonObject;
}

/** The response half. @see k8s.io/api/admission/v1 AdmissionResponse */
export interface ReviewResponse {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: {
    readonly status: "Failure";
    readonly code: number;
    readonly reason: string;
    readonly message: string;
  };
  readonly patchType?: "JSONPatch";
  /** Base64 of the JSON Patch. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

/**
 * Reads an AdmissionReview. Nothing is filled in: a review that lacks a part is refused, because an empty object
 * would have nothing to object to.
 *
 * @throws {CodedError} REVIEW_MALFORMED naming the field
 */
export function parseReview(body: string): ReviewRequest {
  const review = objectOf(parseJson(body), "review");
  if (review["apiVersion"] !== "admission.k8s.io/v1")
    throw malformed("apiVersion", "admission.k8s.io/v1", review["apiVersion"]);
  if (review["kind"] !== "AdmissionReview") throw malformed("kind", "AdmissionReview", review["kind"]);
  const request = objectOf(review["request"], "request");
  const kind = objectOf(request["kind"], "request.kind");
  const operation = OPERATIONS.find((known) => known === request["operation"]);
  if (operation === undefined) throw malformed("request.operation", OPERATIONS.join(", "), request["operation"]);
  const parsed: ReviewRequest = {
    uid: textOf(request["uid"], "request.uid"),
    group: optionalText(kind["group"], "request.kind.group"),
    kind: textOf(kind["kind"], "request.kind.kind"),
    subResource: optionalText(request["subResource"], "request.subResource"),
    namespace: optionalText(request["namespace"], "request.namespace"),
    name: optionalText(request["name"], "request.name"),
    operation,
    username: usernameOf(objectOf(request["userInfo"] ?? {}, "request.userInfo")),
    dryRun: request["dryRun"] === true,
    ...optionalObject("object", request["object"]),
    ...optionalObject("oldObject", request["oldObject"]),
  };
  requireObjects(parsed);
  return parsed;
}

/** The review's uid from a body that cannot be read whole, so that its sender can be told why. */
export function findUid(head: string): string | undefined {
  return /"request"\s*:\s*\{\s*"uid"\s*:\s*"([0-9a-fA-F-]{1,64})"/.exec(head)?.[1];
}

/** The body of an answer. */
export function renderReview(response: ReviewResponse): string {
  return JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response });
}

/** "Pod shop/checkout", as every message names an object. A generated name shows its prefix. */
export function nameOf(request: ReviewRequest): string {
  const metadata = request.object?.["metadata"];
  const own = isObject(metadata) ? (metadata["name"] ?? metadata["generateName"]) : undefined;
  const name = request.name || (typeof own === "string" ? own : "") || "(unnamed)";
  return plainText(`${request.kind} ${request.namespace === "" ? "" : `${request.namespace}/`}${name}`);
}

/**
 * What each operation must bring, and that the object is of the kind and namespace the request says: rules are chosen by
 * those two, so a pod without a namespace would escape every rule of one.
 */
function requireObjects(request: ReviewRequest): void {
  const { operation, object, oldObject, group, kind, namespace } = request;
  const wantsObject = operation === "CREATE" || operation === "UPDATE";
  if (wantsObject && object === undefined) throw malformed("request.object", "an object", undefined);
  if (operation === "UPDATE" && oldObject === undefined) throw malformed("request.oldObject", "an object", undefined);
  if (wantsObject && object?.["kind"] !== undefined && object["kind"] !== kind) {
    throw malformed("request.object.kind", kind, object["kind"]);
  }
  if (wantsObject && namespace === "" && isPodKind(group, kind)) throw malformed("request.namespace", "a text", "");
  const own = isObject(object?.["metadata"]) ? (object["metadata"]["namespace"] ?? "") : "";
  if (wantsObject && namespace !== "" && own !== "" && own !== namespace) {
    throw malformed("request.object.metadata.namespace", namespace, own);
  }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.slice(0, 100) : "unreadable";
    const message = `review: expected an AdmissionReview, found text that is not JSON (${why})`;
    throw new CodedError("REVIEW_MALFORMED", message, ADMISSION_ERRORS.REVIEW_MALFORMED.fix, { cause });
  }
}

function objectOf(value: unknown, path: string): JsonObject {
  if (isObject(value)) return value;
  throw malformed(path, "an object", value);
}

function optionalObject<K extends string>(key: K, value: unknown): { readonly [P in K]?: JsonObject } {
  if (value === undefined || value === null) return {};
  return { [key]: objectOf(value, `request.${key}`) } as { readonly [P in K]?: JsonObject };
}

/** Names have limits in Kubernetes; the author's own has none, and who has a long one is judged like others. */
function usernameOf({ username }: JsonObject): string {
  const shown = typeof username === "string" ? username.slice(0, TEXT_LIMIT_CHARS) : username;
  return optionalText(shown, "request.userInfo.username");
}

/** Longest name that is read, in characters. */
const TEXT_LIMIT_CHARS = 512;

function textOf(value: unknown, path: string): string {
  if (typeof value === "string" && value !== "" && value.length <= TEXT_LIMIT_CHARS) return value;
  throw malformed(path, "a text", value);
}

function optionalText(value: unknown, path: string): string {
  return value === undefined || value === null || value === "" ? "" : textOf(value, path);
}

const SHOWN_CHARS = 80;

function malformed(path: string, expected: string, found: unknown): CodedError {
  const message = `review: ${path}: expected ${expected}, found ${shownJson(found, SHOWN_CHARS)}`;
  return new CodedError("REVIEW_MALFORMED", message, ADMISSION_ERRORS.REVIEW_MALFORMED.fix);
}
