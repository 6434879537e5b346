import type { z } from "zod";
import { type Problem, problemsOf } from "../../../base/problems.ts";
import { isObject } from "../../pods/pod-spec.ts";
import { type ImagePolicy, type ImagePolicyDocument, imagePolicySchema } from "./image-policy-schema.ts";
import { resolvePolicy, type TrustRoots } from "./resolve-policy.ts";
import { PUBLIC_GOOD, type TrustRoot, trustRootSchema } from "./trust-root.ts";

/** One object of our own API group, as somebody wrote it. */
export interface PolicyObject {
  /** Where it came from, for messages: "policies/production.yaml". */
  readonly source: string;
  readonly value: unknown;
}

/** What became of one object. */
export interface CompiledObject {
  readonly object: PolicyObject;
  /** None for a sound object. */
  readonly problems: readonly Problem[];
}

/** A set of policies is in force as a whole or not at all: without its strictest member it would allow more. */
export interface Compilation {
  /** By name, and only where no object has a problem. */
  readonly policies: readonly ImagePolicy[] | undefined;
  readonly objects: readonly CompiledObject[];
}

export interface CompileOptions {
  /** Trust roots that need no object, by name. */
  readonly builtIn: TrustRoots;
  /** What else is wrong with a policy whose every name is resolved: a key that cannot be read, an unknown rule. */
  readonly check: (policy: ImagePolicy) => readonly Problem[];
}

type Read =
  | { readonly kind: "policy"; readonly document: ImagePolicyDocument }
  | { readonly kind: "root"; readonly root: TrustRoot }
  | { readonly kind: "problems"; readonly problems: readonly Problem[] };

interface Entry {
  readonly object: PolicyObject;
  readonly read: Read;
}

/**
 * Policies and trust roots as one set: each against its schema, names once only, every trust root found.
 * All problems of all objects at once.
 */
export function compilePolicies(objects: readonly PolicyObject[], options: CompileOptions): Compilation {
  const entries = objects.map((object): Entry => ({ object, read: readObject(object.value) }));
  const roots: TrustRoots = new Map([...options.builtIn, ...entries.flatMap(rootsOf)]);
  const compiled = entries.map((entry) => compileEntry(entry, entries, roots, options));
  const sound = compiled.every(({ problems }) => problems.length === 0);
  const policies = compiled.flatMap(({ policy }) => (policy === undefined ? [] : [policy]));
  const byName = policies.toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return { policies: sound ? byName : undefined, objects: compiled };
}

function compileEntry(
  entry: Entry,
  entries: readonly Entry[],
  roots: TrustRoots,
  { builtIn, check }: CompileOptions,
): CompiledObject & { readonly policy?: ImagePolicy } {
  const { object, read } = entry;
  const repeated = repeats(entry, entries, builtIn);
  if (read.kind === "problems") return { object, problems: read.problems };
  if (read.kind === "root") return { object, problems: repeated };
  const resolution = resolvePolicy(read.document, roots);
  if (resolution.kind === "unresolved") return { object, problems: [...repeated, ...resolution.problems] };
  return { object, problems: [...repeated, ...check(resolution.policy)], policy: resolution.policy };
}

function readObject(value: unknown): Read {
  const own = withoutStatus(value);
  if (isObject(own) && own["kind"] === "TrustRoot") {
    const root = parse(trustRootSchema, own);
    return "problems" in root ? { kind: "problems", ...root } : { kind: "root", root: root.value };
  }
  const read = parse(imagePolicySchema, own);
  if (!("problems" in read)) return { kind: "policy", document: read.value };
  return { kind: "problems", problems: read.problems.map(namingBothKinds) };
}

/** What the gate itself wrote about an object is no part of it. */
function withoutStatus(value: unknown): unknown {
  if (!isObject(value)) return value;
  const { status: _, ...own } = value;
  return own;
}

function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
): { value: z.output<S> } | { problems: readonly Problem[] } {
  const result = schema.safeParse(value, { reportInput: true });
  return result.success ? { value: result.data } : { problems: problemsOf(schema, result.error.issues) };
}

/** A misspelt kind may have meant either. */
function namingBothKinds(problem: Problem): Problem {
  if (problem.path !== "kind") return problem;
  return { ...problem, message: problem.message.replace('"ImagePolicy"', '"ImagePolicy" or "TrustRoot"') };
}

function rootsOf({ read }: Entry): [string, TrustRoot["spec"]][] {
  return read.kind === "root" ? [[read.root.metadata.name, read.root.spec]] : [];
}

function titleOf({ read }: Entry): string | undefined {
  if (read.kind === "policy") return `ImagePolicy ${read.document.metadata.name}`;
  return read.kind === "root" ? `TrustRoot ${read.root.metadata.name}` : undefined;
}

function repeats(entry: Entry, entries: readonly Entry[], builtIn: TrustRoots): Problem[] {
  const title = titleOf(entry);
  if (
    entry.read.kind === "root" &&
    (entry.read.root.metadata.name === PUBLIC_GOOD || builtIn.has(entry.read.root.metadata.name))
  )
    return [{ path: "metadata.name", message: `expected another name: ${title} ships with Outrider` }];
  const first = entries.find((other) => titleOf(other) === title);
  return title === undefined || first === entry ? [] : [{ path: title, message: "defined twice" }];
}
