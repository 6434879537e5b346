import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { applyPatch, type Operation } from "rfc6902";
import { askJson } from "../client.ts";
import { type Layout, NAMESPACE } from "../layout.ts";
import type { Pod } from "./pods.ts";

export type { Pod } from "./pods.ts";

/** AdmissionReview v1, the response half. @see k8s.io/api/admission/v1 AdmissionResponse */
export interface ReviewAnswer {
  readonly uid: string;
  readonly allowed: boolean;
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly patchType?: "JSONPatch";
  /** Base64 of the JSON Patch. */
  readonly patch?: string;
  readonly warnings?: readonly string[];
  readonly auditAnnotations?: Readonly<Record<string, string>>;
}

/** A pod as the API server would store it: mutated, then validated. */
export interface AppliedPod {
  readonly pod: Pod;
  readonly patchText: string;
  readonly validated: ReviewAnswer;
  /** What the gate says about each image's signature and scan. */
  readonly evidence: readonly string[];
}

/** Mutate, apply the patch, validate the result: the API server's own order. */
export async function admit(layout: Layout, pod: Pod): Promise<AppliedPod> {
  const mutated = await review(layout, "mutate", { operation: "CREATE", object: pod });
  const operations = patchOf(mutated);
  const patched = structuredClone(pod);
  applyPatch(patched, operations);
  const validated = mutated.allowed
    ? await review(layout, "validate", { operation: "CREATE", object: patched })
    : mutated;
  const patchText = operations.map(renderOperation).join("\n");
  return { pod: patched, patchText, validated, evidence: Object.values(validated.auditAnnotations ?? {}) };
}

/** `kubectl debug` on a running pod: an UPDATE of the ephemeralcontainers subresource. */
export function reviewEphemeral(layout: Layout, oldObject: Pod, object: Pod): Promise<ReviewAnswer> {
  return review(layout, "validate", { operation: "UPDATE", subResource: "ephemeralcontainers", object, oldObject });
}

type Asked = { operation: "CREATE" | "UPDATE"; object: Pod; oldObject?: Pod; subResource?: string };

async function review(layout: Layout, path: "mutate" | "validate", asked: Asked): Promise<ReviewAnswer> {
  const request = {
    uid: randomUUID(),
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    name: asked.object.metadata.name,
    namespace: NAMESPACE,
    userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller", groups: ["system:authenticated"] },
    dryRun: false,
    oldObject: null,
    ...asked,
  };
  const json = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request };
  const url = `https://${layout.webhook}/${path}?timeout=10s`;
  const answer = await askJson<{ response: ReviewAnswer }>(url, {
    json,
    ca: readFileSync(layout.webhookCa, "utf8"),
    deadlineMs: 11_000,
  });
  return answer.response;
}

function patchOf({ patch }: ReviewAnswer): Operation[] {
  return patch === undefined ? [] : (JSON.parse(Buffer.from(patch, "base64").toString("utf8")) as Operation[]);
}

/** Longest value shown of one patch operation, in characters. */
const VALUE_SHOWN = 90;

function renderOperation(operation: Operation): string {
  const value = "value" in operation ? JSON.stringify(operation.value) : "";
  return `${operation.op.padEnd(8)}${operation.path}  ${value.length <= VALUE_SHOWN ? value : `${value.slice(0, VALUE_SHOWN)}…`}`;
}
