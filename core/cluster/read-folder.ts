import { readdirSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { allInvalid, configInvalid, readConfigText, validate } from "../base/config.ts";
import { CodedError, messageOf } from "../base/errors.ts";
import { type ManifestObject, parseManifest } from "./documents.ts";
import { type ClusterObjects, NO_OBJECTS } from "./objects.ts";
import { KINDS, objectHead } from "./schemas.ts";

/** Most manifest files read from one folder. */
export const MANIFEST_FILES_LIMIT = 10_000;
const MANIFEST = /\.(ya?ml|json)$/i;

interface ReadObject {
  readonly list: keyof ClusterObjects;
  readonly key: string;
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
  let names: string[];
  try {
    const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
    names = entries.filter((e) => e.isFile() && MANIFEST.test(e.name)).map((e) => join(e.parentPath, e.name));
  } catch (cause) {
    throw folderError(`${folder}: ${messageOf(cause)}`, cause);
  }
  if (names.length > MANIFEST_FILES_LIMIT) throw folderError(`${folder}: more than ${MANIFEST_FILES_LIMIT} manifests`);
  return names.toSorted();
}

/** "manifests/policy.yaml": short, and the same wherever the reader's working directory is. */
function sourceName(folder: string, file: string): string {
  return join(basename(resolve(folder)), relative(folder, file));
}

function readManifest(file: string, source: string, errors: CodedError[]): ReadObject[] {
  return parseManifest(readConfigText(file), file).flatMap((manifest) => {
    try {
      return readObject(manifest, file, source);
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      errors.push(thrown);
      return [];
    }
  });
}

function readObject(manifest: ManifestObject, file: string, source: string): ReadObject[] {
  const where = `${file}:${manifest.line}`;
  const { apiVersion, kind } = validate(objectHead, manifest.value, where);
  const known = Object.hasOwn(KINDS, `${apiVersion}/${kind}`) ? KINDS[`${apiVersion}/${kind}`] : undefined;
  if (known === undefined) return [];
  const value = manifest.value as { metadata: { name: string; namespace?: string } };
  validate(known.schema, value, `${where} ${kind} ${value.metadata?.name ?? ""}`.trimEnd());
  const namespaced = known.list !== "namespaces";
  const namespace = namespaced ? (value.metadata.namespace ?? "default") : undefined;
  const metadata = namespaced ? { ...value.metadata, namespace } : value.metadata;
  const located = { ...value, metadata, source: `${source}:${manifest.line}` };
  const object =
    known.list === "networkPolicies" ? { ...located, ruleSources: ruleSources(manifest, source) } : located;
  return [{ list: known.list, key: `${kind} ${namespaced ? `${namespace}/` : ""}${value.metadata.name}`, object }];
}

function ruleSources(manifest: ManifestObject, source: string) {
  const spec = (manifest.value as { spec: { ingress?: unknown[]; egress?: unknown[] } }).spec;
  const lines = (direction: "ingress" | "egress") =>
    (spec[direction] ?? []).map((_, index) => `${source}:${manifest.lineOf(["spec", direction, index])}`);
  return { ingress: lines("ingress"), egress: lines("egress") };
}

/** The API server would hold one of them; which, a folder cannot say. */
function duplicates(read: readonly ReadObject[]): CodedError[] {
  const first = new Map<string, string>();
  return read.flatMap(({ key, object }) => {
    const earlier = first.get(key);
    if (earlier !== undefined)
      return [configInvalid(object.source, [{ path: key, message: `already defined at ${earlier}` }])];
    first.set(key, object.source);
    return [];
  });
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
