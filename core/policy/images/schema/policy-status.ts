import type { Problem } from "../../../base/problems.ts";
import type { CompiledObject } from "./compile-policies.ts";

/** Longest message of one condition, in characters. @see apimachinery, metav1.Condition: at most 32768 bytes */
export const CONDITION_MESSAGE_LIMIT_CHARS = 8192;

/** One condition of an object's status, in Kubernetes' own form. */
export interface Condition {
  readonly type: "Compiled" | "Ready";
  readonly status: "True" | "False";
  readonly observedGeneration: number;
  /** RFC 3339; unchanged while the status is. */
  readonly lastTransitionTime: string;
  /** One word. */
  readonly reason: string;
  readonly message: string;
}

/** What the object's status was before, and which of its generations was compiled. */
export interface StatusOf {
  readonly generation: number;
  readonly previous: readonly Condition[];
}

/**
 * What the gate made of one object.
 *
 *   Compiled  the object itself was understood, and every name in it leads somewhere
 *   Ready     the gate decides by it. A set of policies is in force as a whole or not at all, so a sound policy waits
 *             for the broken one beside it, and the set before stays in force
 *
 * @param objects  the whole set that was compiled
 * @param nowMs  milliseconds since the epoch
 */
export function policyConditions(
  object: CompiledObject,
  objects: readonly CompiledObject[],
  { generation, previous }: StatusOf,
  nowMs: number,
): readonly [compiled: Condition, ready: Condition] {
  const waitsFor = objects.filter(({ problems }) => problems.length > 0).map(({ object: { source } }) => source);
  const compiled = { type: "Compiled", ...compiledOf(object.problems) } as const;
  const ready = {
    type: "Ready",
    ...(waitsFor.length > 0 ? notReady(object.problems, waitsFor) : IN_FORCE),
  } as const;
  const dated = (one: Omit<Condition, "observedGeneration" | "lastTransitionTime">): Condition => {
    const before = previous.find(({ type, status }) => type === one.type && status === one.status);
    const lastTransitionTime = before?.lastTransitionTime ?? new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z");
    return { ...one, observedGeneration: generation, lastTransitionTime };
  };
  return [dated(compiled), dated(ready)];
}

type Said = Pick<Condition, "status" | "reason" | "message">;

const IN_FORCE: Said = { status: "True", reason: "InForce", message: "the gate decides by this object" };

function compiledOf(problems: readonly Problem[]): Said {
  if (problems.length === 0) return { status: "True", reason: "Understood", message: "no problem found" };
  return { status: "False", reason: "Invalid", message: problemText(problems) };
}

function notReady(problems: readonly Problem[], waitsFor: readonly string[]): Said {
  if (problems.length > 0) return { status: "False", reason: "Invalid", message: problemText(problems) };
  const message = shortened(`the set before stays in force until these are mended: ${waitsFor.join(", ")}`);
  return { status: "False", reason: "OtherInvalid", message };
}

function problemText(problems: readonly Problem[]): string {
  return shortened(problems.map(({ path, message }) => (path === "" ? message : `${path}: ${message}`)).join("\n"));
}

function shortened(text: string): string {
  const end = "\n... and more";
  return text.length <= CONDITION_MESSAGE_LIMIT_CHARS
    ? text
    : text.slice(0, CONDITION_MESSAGE_LIMIT_CHARS - end.length) + end;
}
