import { readdirSync, watch } from "node:fs";
import { basename, join, resolve } from "node:path";
import { allInvalid, configInvalid, type Problem, parseYamlDocuments, readConfigText } from "../../core/base/config.ts";
import { asError, CodedError, messageOf } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import { PUBLIC_GOOD_ROOT } from "../../core/images/sigstore/public-good.ts";
import { parseTrust } from "../../core/images/trust.ts";
import {
  type Compilation,
  compilePolicies,
  type PolicyObject,
} from "../../core/policy/images/schema/compile-policies.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import type { TrustRoots } from "../../core/policy/images/schema/resolve-policy.ts";
import { PUBLIC_GOOD } from "../../core/policy/images/schema/trust-root.ts";

/** Most policy files read from one folder. */
export const POLICY_FILES_LIMIT = 1000;
/** The folder is read again this long after a change, and this often without one, in milliseconds. */
export const POLICY_SETTLE_MS = 50;
export const POLICY_RELIST_MS = 30_000;

const OWN_GROUP = "outrider.dev/";
const OWN_KINDS = ["ImagePolicy", "TrustRoot"];
const POLICY_FILE = /\.(ya?ml|json)$/i;

/**
 * Every ImagePolicy of a folder, by name, with the TrustRoots beside them in place. Objects of other groups are skipped;
 * one of ours of another kind is an error, because a misspelt kind would be a rule that nobody notices is missing.
 *
 * @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID naming every problem of every file at once
 */
export function readPolicies(folder: string): readonly ImagePolicy[] {
  const unreadable: CodedError[] = [];
  const objects = policyFiles(folder).flatMap((file) => {
    try {
      return readPolicyFile(file, join(basename(resolve(folder)), file.slice(folder.length)));
    } catch (thrown) {
      if (!(thrown instanceof CodedError)) throw thrown;
      unreadable.push(thrown);
      return [];
    }
  });
  const { policies, objects: compiled } = compileObjects(objects);
  const wrong = compiled.filter(({ problems }) => problems.length > 0);
  const errors = [...unreadable, ...wrong.map(({ object, problems }) => configInvalid(object.source, problems))];
  if (errors.length > 0 || policies === undefined) throw allInvalid(errors);
  return policies;
}

/** Policies and trust roots as one set, wherever they were read. */
export function compileObjects(objects: readonly PolicyObject[]): Compilation {
  return compilePolicies(objects, { builtIn: BUILT_IN_ROOTS, check: trustProblems });
}

/** Trust roots that every policy may name. */
const BUILT_IN_ROOTS: TrustRoots = new Map([[PUBLIC_GOOD, { sigstore: PUBLIC_GOOD_ROOT }]]);

/** A key or trust root that cannot be used is found here, not by every admission; each with its own reason. */
function trustProblems({ spec }: ImagePolicy): Problem[] {
  return spec.authorities.flatMap((one, index) => {
    try {
      parseTrust([one]);
      return [];
    } catch (thrown) {
      return [{ path: `spec.authorities[${index}]`, message: messageOf(thrown) }];
    }
  });
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

function readPolicyFile(file: string, source: string): PolicyObject[] {
  const documents = parseYamlDocuments(readConfigText(file), source);
  return documents.filter((document) => !isForeign(document)).map((value) => ({ source, value }));
}

function isForeign(document: unknown): boolean {
  const { apiVersion, kind } = (document ?? {}) as { apiVersion?: unknown; kind?: unknown };
  const ofOthers = typeof apiVersion === "string" && apiVersion !== "" && !apiVersion.startsWith(OWN_GROUP);
  return ofOthers && typeof kind === "string" && kind !== "" && !OWN_KINDS.includes(kind);
}
