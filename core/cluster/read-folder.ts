import { type Dirent, readdirSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { allInvalid, configInvalid, readConfigText, validate } from "../base/config.ts";
import { CodedError, messageOf } from "../base/errors.ts";
import { closest } from "../base/suggest.ts";
import { type ManifestObject, parseManifest } from "./documents.ts";
import { type ClusterObjects, NO_OBJECTS } from "./objects.ts";
import { KINDS, objectHead } from "./schemas.ts";

/** Most manifest files read from one folder. */
export const MANIFEST_FILES_LIMIT = 10_000;
/** Folders within folders that are looked into. */
const FOLDER_DEPTH_LIMIT = 16;
const MANIFEST = /\.(ya?ml|json)$/i;

interface ReadObject {
  readonly list: keyof ClusterObjects;
  readonly key: string;
  /** A pod's, when it has one. */
  readonly uid: readonly string[];
  readonly object: { readonly source: string };
}

/**
 * Every object of every *.yaml, *.yml and *.json under a folder, in a stable order (by path, then as written).
 * Kinds Outrider does not read are skipped.
 *
 * @throws {CodedError} CLUSTER_FOLDER, CONFIG_UNREADABLE, CONFIG_INVALID naming every problem of every file at once
 */
export function readFolder(folder: string): ClusterObjects {
  const errors: CodedError[] = [];
  const read = manifestFiles(folder).flatMap((file) => {
    try {
      return readManifest(file, sourceName(folder, file), errors);
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      errors.push(thrown);
      return [];
    }
  });
  errors.push(...duplicates(read));
  if (errors.length > 0) throw allInvalid(errors);
  return collect(read);
}

function manifestFiles(folder: string): string[] {
  let files: string[];
  try {
    files = filesUnder(folder, 0);
  } catch (cause) {
    throw folderError(`${folder}: ${messageOf(cause)}`, cause);
  }
  if (files.length > MANIFEST_FILES_LIMIT) throw folderError(`${folder}: more than ${MANIFEST_FILES_LIMIT} manifests`);
  return files.toSorted();
}

/** Links to files count: a mounted ConfigMap consists of them. Names that begin with a dot do not: it keeps its versions there. */
function filesUnder(folder: string, depth: number): string[] {
  const visible = readdirSync(folder, { withFileTypes: true }).filter(({ name }) => !name.startsWith("."));
  return visible.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return depth < FOLDER_DEPTH_LIMIT ? filesUnder(path, depth + 1) : [];
    return MANIFEST.test(entry.name) && isFile(entry, path) ? [path] : [];
  });
}

function isFile(entry: Dirent, path: string): boolean {
  return entry.isFile() || (entry.isSymbolicLink() && statSync(path).isFile());
}

/** "manifests/policy.yaml": short, and the same wherever the reader's working directory is. */
function sourceName(folder: string, file: string): string {
  return join(basename(resolve(folder)), relative(folder, file));
}

function readManifest(file: string, source: string, errors: CodedError[]): ReadObject[] {
  return parseManifest(manifestText(file), file).flatMap((manifest) => {
    try {
      return readObject(manifest, file, source);
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      errors.push(thrown);
      return [];
    }
  });
}

/** A writer that has only begun leaves an empty file: taken as it is, every policy in it would be gone meanwhile. */
function manifestText(file: string): string {
  const text = readConfigText(file);
  if (text.trim() !== "") return text;
  throw configInvalid(file, [
    { path: "", message: "expected objects, found an empty file (remove it if it is done with)" },
  ]);
}

function readObject(manifest: ManifestObject, file: string, source: string): ReadObject[] {
  const where = `${file}:${manifest.line}`;
  const { apiVersion, kind } = validate(objectHead, manifest.value, where);
  const known = Object.hasOwn(KINDS, `${apiVersion}/${kind}`) ? KINDS[`${apiVersion}/${kind}`] : undefined;
  if (known === undefined && isLostPolicy(apiVersion, kind)) throw lostPolicy(where, apiVersion, kind);
  if (known === undefined) return [];
  const value = manifest.value as { metadata: { name: string; namespace?: string; uid?: string } };
  validate(known.schema, value, `${where} ${kind} ${value.metadata?.name ?? ""}`.trimEnd());
  const namespaced = known.list !== "namespaces";
  const namespace = namespaced ? (value.metadata.namespace ?? "default") : undefined;
  const metadata = namespaced ? { ...value.metadata, namespace } : value.metadata;
  const located = { ...value, metadata, source: `${source}:${manifest.line}` };
  const object =
    known.list === "networkPolicies" ? { ...located, ruleSources: ruleSources(manifest, source) } : located;
  const key = `${kind} ${namespaced ? `${namespace}/` : ""}${value.metadata.name}`;
  const uid = known.list === "pods" && value.metadata.uid !== undefined ? [`Pod with uid ${value.metadata.uid}`] : [];
  return [{ list: known.list, key, uid, object }];
}

/** ClusterNetworkPolicy and its forerunners, and our own kind for methods and paths: written to restrict, not read yet. */
const POLICY_GROUPS = /^(?:policy\.networking\.k8s\.io|outrider\.dev)\//;
const POLICY_KINDS = [
  "NetworkPolicy",
  "ClusterNetworkPolicy",
  "AdminNetworkPolicy",
  "BaselineAdminNetworkPolicy",
  "AuthorizationPolicy",
];

/** Other kinds are somebody else's. A policy that is not read would be one that nobody enforces. */
function isLostPolicy(apiVersion: string, kind: string): boolean {
  if (POLICY_GROUPS.test(apiVersion)) return closest(kind, POLICY_KINDS) !== undefined;
  return /^(?:networking\.k8s\.io|extensions)\//.test(apiVersion) && closest(kind, ["NetworkPolicy"]) !== undefined;
}

function lostPolicy(where: string, apiVersion: string, kind: string): CodedError {
  const unread = POLICY_GROUPS.test(apiVersion) ? " (not enforced yet: take it out, so that nobody counts on it)" : "";
  const message = `expected networking.k8s.io/v1 NetworkPolicy, found ${apiVersion} ${kind}${unread}`;
  return configInvalid(where, [{ path: "kind", message }]);
}

function ruleSources(manifest: ManifestObject, source: string) {
  const spec = (manifest.value as { spec: { ingress?: unknown[]; egress?: unknown[] } }).spec;
  const lines = (direction: "ingress" | "egress") =>
    (spec[direction] ?? []).map((_, index) => `${source}:${manifest.lineOf(["spec", direction, index])}`);
  return { ingress: lines("ingress"), egress: lines("egress") };
}

/** The API server would hold one of them; which, a folder cannot say. A pod's uid stands for its labels in policies. */
function duplicates(read: readonly ReadObject[]): CodedError[] {
  const first = new Map<string, string>();
  return read.flatMap(({ key, uid, object }) =>
    [key, ...uid].flatMap((name) => {
      const earlier = first.get(name);
      first.set(name, earlier ?? object.source);
      if (earlier === undefined) return [];
      return [configInvalid(object.source, [{ path: name, message: `already defined at ${earlier}` }])];
    }),
  );
}

/** The schemas have checked each object against the kind its list is for. */
function collect(read: readonly ReadObject[]): ClusterObjects {
  const ofList = (list: string) => read.filter((r) => r.list === list).map((r) => r.object);
  const lists = Object.keys(NO_OBJECTS).map((list) => [list, ofList(list)]);
  return Object.fromEntries(lists) as unknown as ClusterObjects;
}

function folderError(message: string, cause?: unknown): CodedError {
  return new CodedError(
    "CLUSTER_FOLDER",
    message,
    "point cluster.folder at the folder that holds your cluster's YAML",
    {
      cause,
    },
  );
}
