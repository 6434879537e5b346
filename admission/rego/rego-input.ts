import { formatRepository, type ImageReference, parseReference } from "../../core/images/reference.ts";
import type { JsonObject } from "../../core/policy/pods/pod-spec.ts";
import type { Subject } from "../containers.ts";

/** What a Rego rule sees as `input`. Documented for people who write rules: changes here are changes of an interface. */
export interface RegoInput {
  readonly kind: string;
  readonly group: string;
  readonly namespace: string;
  readonly operation: string;
  readonly object: JsonObject;
  readonly parameters: JsonObject;
  readonly pods: readonly {
    readonly path: string;
    readonly spec: JsonObject;
    readonly metadataPath: string;
    readonly metadata: JsonObject;
  }[];
  readonly images: readonly {
    readonly path: string;
    readonly reference: string;
    /** host/repository, normalised; the text itself when it is no reference. */
    readonly name: string;
    /** Empty when only a digest names the image. */
    readonly tag: string;
    readonly digest: string;
  }[];
}

export function regoInput(subject: Subject, parameters: JsonObject): RegoInput {
  const { kind, group, namespace, operation, object, pods, images } = subject;
  return {
    kind,
    group,
    namespace,
    operation,
    object,
    parameters,
    pods: pods.map(({ path, spec, metadata }) => ({ path, spec, metadata, metadataPath: metadataPath(path) })),
    images: images.map(({ path, reference }) => ({ path, reference, ...partsOf(reference) })),
  };
}

/** "spec.template.spec" has its labels under "spec.template.metadata"; a Pod's "spec" beside "metadata". */
function metadataPath(podPath: string): string {
  const around = podPath.slice(0, Math.max(0, podPath.lastIndexOf(".")));
  return around === "" ? "metadata" : `${around}.metadata`;
}

function partsOf(text: string): { name: string; tag: string; digest: string } {
  const reference = referenceOf(text);
  if (reference === undefined) return { name: text, tag: "", digest: "" };
  const written = /:[^/@]+(?:@|$)/.test(text.slice(text.lastIndexOf("/") + 1));
  return {
    name: formatRepository(reference),
    tag: written ? (reference.tag ?? "") : "",
    digest: reference.digest ?? "",
  };
}

function referenceOf(text: string): ImageReference | undefined {
  try {
    return parseReference(text);
  } catch {
    return undefined;
  }
}
