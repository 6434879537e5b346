import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { outcomeOf, outcomeWord } from "../admission/answer/outcome.ts";
import { plainText } from "../admission/answer/plain-text.ts";
import { renderVerdict } from "../admission/answer/render.ts";
import { refuse } from "../admission/answer/respond.ts";
import { type GateDeps, gate } from "../admission/gate.ts";
import { isAdmitted, type Verdict } from "../admission/judge.ts";
import { createRego } from "../admission/rego/rego.ts";
import type { ReviewRequest } from "../admission/review.ts";
import { createImageSource } from "../admission/sources/images.ts";
import { readPolicies } from "../admission/sources/policies.ts";
import { systemClock } from "../core/base/clock.ts";
import { readConfigText } from "../core/base/config.ts";
import { CodedError, codedSystemError } from "../core/base/errors.ts";
import { parseManifest } from "../core/cluster/documents.ts";
import { readFolder } from "../core/cluster/read-folder.ts";
import type { ImagePolicy } from "../core/policy/images/schema/image-policy-schema.ts";
import type { Labels } from "../core/policy/network/labels.ts";
import { isObject, type JsonObject, textOf } from "../core/policy/pods/pod-spec.ts";
import { openScanStore } from "../scanner/store.ts";
import type { CheckOptions } from "./check.ts";
import { evidenceFacts, type FoundEvidence, renderEvidence, type Witness, witness } from "./check-evidence.ts";

/** Longest time for all evidence about one object, in milliseconds; a person waits longer than an API server. */
export const CHECK_DEADLINE_MS = 60_000;

/** @see Kubernetes, "Enforce Pod Security Standards with Namespace Labels" */
const POD_SECURITY_LABELS = "pod-security.kubernetes.io/";

const MANIFEST = /\.(ya?ml|json)$/i;

/** Exit code 0 when every object would be admitted, 1 when one would not, 2 when the input was wrong. */
export async function check(files: readonly string[], options: CheckOptions): Promise<void> {
  const requests = files.flatMap(manifestFiles).flatMap(readRequests);
  const alone = options.image.map((image) => imageRequest(image, options.namespace));
  const policies = readPolicies(options.policies);
  const labels = options.cluster === undefined ? new Map() : labelsByNamespace(options.cluster);
  const store = options.scans === undefined ? undefined : openScanStore(options.scans);
  const ownScan = store === undefined ? {} : { ownScan: async (digest: `sha256:${string}`) => store.newest(digest) };
  const images = createImageSource({ registries: options.registry, ...ownScan });
  const rego = createRego();
  const watched = witness(images);
  const deps: GateDeps = {
    policies: () => policies,
    namespaceLabels: (namespace) => (options.cluster === undefined ? {} : labels.get(namespace)),
    sources: { images: watched.source, rego },
    clock: systemClock,
  };
  const ofImages: GateDeps = {
    ...deps,
    policies: () => policies.map(withoutPods),
    namespaceLabels: (namespace) => withoutLevels(labels.get(namespace) ?? {}),
  };
  try {
    const checked = await judgeAll(requests, deps, watched);
    report([...checked, ...(await judgeAll(alone, ofImages, watched))], options);
  } finally {
    await Promise.all([images.close(), rego.close(), store?.close()]);
  }
}

interface Checked {
  readonly verdict: Verdict;
  readonly source: string;
  readonly found: readonly FoundEvidence[];
}

async function judgeAll(requests: readonly CheckRequest[], deps: GateDeps, watched: Witness): Promise<Checked[]> {
  const checked: Checked[] = [];
  for (const { request, source, name } of requests) {
    const signal = AbortSignal.timeout(CHECK_DEADLINE_MS);
    const verdict = await gate(request, deps, false, signal).catch((thrown: unknown) => refuse(request, thrown));
    const subject = name === undefined ? verdict.subject : { ...verdict.subject, name: plainText(name) };
    checked.push({ verdict: { ...verdict, subject }, source, found: watched.take() });
  }
  return checked;
}

/** Refused objects first; objects without a pod spec are only counted. */
function report(checked: readonly Checked[], options: CheckOptions): void {
  const judged = checked.filter(({ verdict }) => verdict.unjudged === undefined);
  if (judged.length === 0) {
    const message = `check: none of ${checked.length} objects holds a pod spec`;
    throw new CodedError("CLI_NOTHING_TO_CHECK", message, "name files that hold Pods, Deployments or other workloads");
  }
  const ordered = judged.toSorted((a, b) => Number(isAdmitted(a.verdict)) - Number(isAdmitted(b.verdict)));
  for (const one of ordered)
    process.stdout.write(
      options.json ? `${JSON.stringify(factsOf(one, options))}\n` : `${textOfOne(one, options)}\n\n`,
    );
  if (judged.some(({ verdict }) => !isAdmitted(verdict))) process.exitCode = 1;
}

function textOfOne({ verdict, found }: Checked, options: CheckOptions): string {
  const evidence = tellsEvidence(options) ? found.map(renderEvidence) : [];
  return [renderVerdict(verdict), ...evidence].join("\n");
}

/** Whoever asks about an image by itself wants to know what there is of it. */
function tellsEvidence({ evidence, image }: CheckOptions): boolean {
  return evidence || image.length > 0;
}

function factsOf({ verdict, source, found }: Checked, options: CheckOptions): object {
  const outcome = outcomeOf(verdict);
  return {
    verdict: outcomeWord(outcome),
    outcome,
    subject: verdict.subject.name,
    source,
    parts: verdict.parts.map(({ path, about, rule, mode, decision, facts }) => ({
      path,
      about,
      rule,
      mode,
      decision: decision.kind,
      ...("violations" in decision ? { violations: decision.violations } : {}),
      ...(decision.kind === "undecided" ? { where: decision.where, cause: causeFacts(decision.cause) } : {}),
      ...(facts === undefined ? {} : { digest: facts.digest, signers: facts.signers, scan: facts.scan }),
    })),
    ...(tellsEvidence(options) ? { evidence: found.map(evidenceFacts) } : {}),
  };
}

function causeFacts(cause: Error): object {
  return cause instanceof CodedError ? cause.toJSON() : { code: "INTERNAL", message: cause.message };
}

interface CheckRequest {
  readonly request: ReviewRequest;
  /** "manifests/pod.yaml:3" */
  readonly source: string;
  /** What the answer calls it, where that is not the object's own name. */
  readonly name?: string;
}

function manifestFiles(path: string): string[] {
  try {
    if (!statSync(path).isDirectory()) return [path];
    return readdirSync(path)
      .filter((name) => MANIFEST.test(name))
      .toSorted()
      .map((name) => join(path, name));
  } catch (thrown) {
    const { message } = codedSystemError(thrown, path);
    throw new CodedError("CONFIG_UNREADABLE", message, "check the path and its permissions", { cause: thrown });
  }
}

function readRequests(file: string): CheckRequest[] {
  return parseManifest(readConfigText(file), file).map(({ value, line }) => ({
    request: requestOf(value, `${file}:${line}`),
    source: `${file}:${line}`,
  }));
}

/** A pod that is nothing but its image. */
function imageRequest(image: string, namespace: string): CheckRequest {
  const metadata = { name: "image", namespace };
  const pod = { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "image", image }] } };
  return { request: requestOf(pod, "--image"), source: "--image", name: `image ${image}` };
}

/** What a policy says of images alone: there is no pod to hold to a level. */
function withoutPods(policy: ImagePolicy): ImagePolicy {
  const { pods: _, ...spec } = policy.spec;
  return { ...policy, spec };
}

/** Labels for policies to select by, and none that hold pods to a level. */
function withoutLevels(labels: Labels): Labels {
  return Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith(POD_SECURITY_LABELS)));
}

/** The review that an API server would send for `kubectl create`. */
function requestOf(value: unknown, source: string): ReviewRequest {
  const object: JsonObject = isObject(value) ? value : {};
  const apiVersion = textOf(object["apiVersion"]);
  const kind = textOf(object["kind"]);
  if (apiVersion === "" || kind === "") {
    throw new CodedError(
      "CONFIG_INVALID",
      `${source}: expected apiVersion and kind`,
      "name a file of Kubernetes objects",
    );
  }
  const metadata = isObject(object["metadata"]) ? object["metadata"] : {};
  return {
    uid: source,
    group: apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "",
    kind,
    subResource: "",
    namespace: textOf(metadata["namespace"]) || "default",
    name: textOf(metadata["name"]),
    operation: "CREATE",
    username: "",
    dryRun: true,
    object,
  };
}

function labelsByNamespace(folder: string): Map<string, Readonly<Record<string, string>>> {
  return new Map(readFolder(folder).namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
}
