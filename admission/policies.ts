import { readdirSync, watch } from "node:fs";
import { basename, join, resolve } from "node:path";
import type { z } from "zod";
import { allInvalid, configInvalid, parseYamlDocuments, readConfigText, validate } from "../core/base/config.ts";
import { asError, CodedError, messageOf } from "../core/base/errors.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import { type ImagePolicy, imagePolicySchema } from "../core/policy/images/image-policy-schema.ts";

/** Most policy files read from one folder. */
export const POLICY_FILES_LIMIT = 1000;
/** The folder is read again this long after a change, and this often without one, in milliseconds. */
export const POLICY_SETTLE_MS = 50;
export const POLICY_RELIST_MS = 30_000;

const OWN_GROUP = "outrider.dev/";
const POLICY_FILE = /\.(ya?ml|json)$/i;

/**
 * Every ImagePolicy of a folder, by name. Objects of other groups are skipped; one of ours that is no ImagePolicy is an
 * error, because a misspelt kind would be a rule that nobody notices is missing.
 *
 * @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID naming every problem of every file at once
 */
export function readPolicies(folder: string): readonly ImagePolicy[] {
  const errors: CodedError[] = [];
  const policies = policyFiles(folder).flatMap((file) => {
    try {
      return readPolicyFile(file, join(basename(resolve(folder)), file.slice(folder.length)));
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      errors.push(thrown);
      return [];
    }
  });
  const repeated = policies.find(
    ({ metadata }, index) => policies.findIndex((p) => p.metadata.name === metadata.name) < index,
  );
  if (repeated !== undefined)
    errors.push(configInvalid(folder, [{ path: `ImagePolicy ${repeated.metadata.name}`, message: "defined twice" }]));
  if (errors.length > 0) throw allInvalid(errors);
  return policies.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
}

/** The policies in force now; a folder that no longer reads keeps the last good ones. */
export interface Policies extends Closable {
  current(): readonly ImagePolicy[];
  /** Why the folder could not be read last time. */
  lastError(): Error | undefined;
}

export interface PolicyChange {
  readonly policies: readonly ImagePolicy[];
  readonly before: readonly ImagePolicy[];
}

/** @throws {CodedError} when the first read fails */
export function watchPolicies(
  folder: string,
  onChange: (change: PolicyChange) => void,
  onError: (error: Error) => void,
): Policies {
  let policies = readPolicies(folder);
  let failure: Error | undefined;
  let settling: NodeJS.Timeout | undefined;
  const reread = () => {
    try {
      const before = policies;
      policies = readPolicies(folder);
      failure = undefined;
      if (JSON.stringify(before) !== JSON.stringify(policies)) onChange({ policies, before });
    } catch (thrown) {
      const again = failure?.message === messageOf(thrown);
      failure = asError(thrown);
      if (!again) onError(failure);
    }
  };
  const soon = () => {
    clearTimeout(settling);
    settling = setTimeout(reread, POLICY_SETTLE_MS);
  };
  const relist = setInterval(reread, POLICY_RELIST_MS).unref();
  const watcher = watch(folder, { persistent: false }, soon).on("error", () => {});
  return {
    current: () => policies,
    lastError: () => failure,
    close: () => {
      clearTimeout(settling);
      clearInterval(relist);
      watcher.close();
    },
  };
}

function policyFiles(folder: string): string[] {
  let names: string[];
  try {
    names = readdirSync(folder).filter((name) => POLICY_FILE.test(name));
  } catch (cause) {
    const fix = "point policies.folder at the folder that holds your ImagePolicy files";
    throw new CodedError("CONFIG_UNREADABLE", `${folder}: ${messageOf(cause)}`, fix, { cause });
  }
  if (names.length <= POLICY_FILES_LIMIT) return names.toSorted().map((name) => join(folder, name));
  throw new CodedError("CONFIG_UNREADABLE", `${folder}: more than ${POLICY_FILES_LIMIT} files`, "split the folder");
}

function readPolicyFile(file: string, source: string): ImagePolicy[] {
  const documents = parseYamlDocuments(readConfigText(file), source);
  const foreign = (document: unknown) => {
    const { apiVersion, kind } = (document ?? {}) as { apiVersion?: unknown; kind?: unknown };
    const others = typeof apiVersion === "string" && apiVersion !== "" && !apiVersion.startsWith(OWN_GROUP);
    return others && typeof kind === "string" && kind !== "" && kind !== "ImagePolicy";
  };
  return documents
    .filter((document) => !foreign(document))
    .map((document) => validate(imagePolicySchema as unknown as z.ZodType<ImagePolicy>, document, source));
}
