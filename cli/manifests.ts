import type { Found } from "../admission/sidecar/author-limits.ts";
import type { PodLike } from "../admission/sidecar/eject.ts";
import {
  allInvalid,
  CONFIG_FILE_LIMIT_BYTES,
  configInvalid,
  readConfigText,
  type YamlDocument,
} from "../core/base/config.ts";
import { CodedError } from "../core/base/errors.ts";
import { objectsOf, readManifest } from "../core/cluster/documents.ts";
import { isObject, type JsonObject, type PodSpecAt, textOf } from "../core/policy/pods/pod-spec.ts";
import { isPodKind, podSpecsOf } from "../core/policy/pods/pod-spec-find.ts";
import { unprintable } from "./unprintable.ts";

/** What the command line calls standard input. */
const STDIN = "-";

/** A document with the file it came from. */
export interface Document {
  readonly file: string;
  readonly document: YamlDocument;
}

/** A Pod or a built-in kind with a pod template. */
export interface Workload {
  readonly object: JsonObject;
  readonly pod: PodSpecAt;
  /** The Pod, or the template. */
  readonly owner: PodLike;
}

/** What became of one workload. */
export type Changed =
  | { readonly kind: "changed"; readonly object: JsonObject }
  | { readonly kind: "left"; readonly why: string }
  | { readonly kind: "refused"; readonly problems: readonly Found[] };

/** Every document in its place, and what is to be said of them. */
export interface Rewritten {
  readonly values: readonly unknown[];
  /** "injected Deployment shop/web" */
  readonly notes: readonly string[];
  /** "shop.yaml:12: Deployment shop/web: SIDECAR_UID_TAKEN: spec…: found …, expected …; fix: …" */
  readonly refused: readonly string[];
}

/** @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID */
export async function readManifests(files: readonly string[]): Promise<Document[]> {
  const read: Document[] = [];
  for (const file of files) {
    const name = file === STDIN ? "standard input" : file;
    const text = file === STDIN ? await readStandardInput() : readConfigText(file);
    const documents = readManifest(text, name);
    const problems = documents.flatMap(unprintable);
    if (problems.length > 0) throw configInvalid(name, problems);
    read.push(...documents.map((document) => ({ file: name, document })));
  }
  return read;
}

/**
 * Changes the workloads of the documents, in lists too; everything else stays as it is.
 *
 * @param done  what a changed workload is said to be: "injected"
 * @throws {CodedError} CONFIG_INVALID naming every document that is no object and every workload that has no pod
 */
export function changeWorkloads(
  documents: readonly Document[],
  done: string,
  change: (workload: Workload) => Changed,
): Rewritten {
  const notes: string[] = [];
  const refused: string[] = [];
  const invalid: CodedError[] = [];
  const changeOne = (value: unknown, source: string, lineOf: (path: readonly string[]) => number): unknown => {
    const workload = workloadOf(value, source);
    if (workload instanceof CodedError) invalid.push(workload);
    if (workload === undefined || workload instanceof CodedError) return value;
    const changed = change(workload);
    const name = nameOf(workload.object);
    if (changed.kind === "refused")
      refused.push(...changed.problems.map((found) => problemLine(found, name, source, lineOf)));
    else notes.push(changed.kind === "changed" ? `${done} ${name}` : `left ${name} as it is: ${changed.why}`);
    return changed.kind === "changed" ? changed.object : value;
  };
  const values = documents.map(({ file, document }) => {
    const items = objectsOf(document).map(({ value, lineOf, line }) =>
      changeOne(value, `${file}:${line}`, (path) => lineOf(path)),
    );
    return isList(document.value) ? { ...document.value, items } : items[0];
  });
  if (invalid.length > 0) throw allInvalid(invalid);
  return { values, notes, refused };
}

/** The workload a value is; `undefined` for any other kind; what is wrong with it where it is none. */
function workloadOf(value: unknown, source: string): Workload | CodedError | undefined {
  if (!isObject(value)) return configInvalid(source, [{ path: "", message: "expected a Kubernetes object" }]);
  const group = groupOf(textOf(value["apiVersion"]));
  const kind = textOf(value["kind"]);
  if (!isPodKind(group, kind)) return undefined;
  try {
    const [pod] = podSpecsOf(value, group, kind);
    return pod === undefined ? undefined : { object: value, pod, owner: ownerOf(value, pod) };
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    return configInvalid(source, [{ path: nameOf(value), message: thrown.message }]);
  }
}

function ownerOf(object: JsonObject, { pointer }: PodSpecAt): PodLike {
  const steps = pointer.split("/").slice(1, -1);
  return steps.reduce((now, step) => now[step] as JsonObject, object) as PodLike;
}

function groupOf(apiVersion: string): string {
  return apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";
}

function isList(value: unknown): value is JsonObject {
  return isObject(value) && value["kind"] === "List" && Array.isArray(value["items"]);
}

function nameOf(object: JsonObject): string {
  const metadata = isObject(object["metadata"]) ? object["metadata"] : {};
  const namespace = textOf(metadata["namespace"]);
  const name = textOf(metadata["name"]) || textOf(metadata["generateName"]) || "(unnamed)";
  return `${textOf(object["kind"])} ${namespace === "" ? "" : `${namespace}/`}${name}`;
}

function problemLine(
  { code, path, found, expected, fix }: Found,
  name: string,
  source: string,
  lineOf: (path: readonly string[]) => number,
): string {
  const steps = path.split(/[.[\]"]+/).filter((step) => step !== "");
  const file = source.slice(0, source.lastIndexOf(":"));
  return `${file}:${lineOf(steps)}: ${name}: ${code}: ${path}: found ${found}, expected ${expected}; fix: ${fix}`;
}

/** @throws {CodedError} CONFIG_UNREADABLE when there is more than is read of a file */
async function readStandardInput(): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > CONFIG_FILE_LIMIT_BYTES) {
      const message = `standard input: more than ${CONFIG_FILE_LIMIT_BYTES} bytes`;
      throw new CodedError("CONFIG_UNREADABLE", message, "split the input");
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
