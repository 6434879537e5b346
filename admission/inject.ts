import { randomBytes } from "node:crypto";
import { decide } from "../core/policy/decision.ts";
import { isPod, type Part, type Verdict } from "./judge.ts";
import type { PatchOperation } from "./pin.ts";
import type { Found } from "./sidecar/author-limits.ts";
import type { PodLike } from "./sidecar/eject.ts";
import { injectInto } from "./sidecar/injection.ts";
import { optOutOf } from "./sidecar/opt-out.ts";

/** What injection comes to: a patch, or a reason why not. */
export interface Injection {
  readonly operations: readonly PatchOperation[];
  readonly warnings: readonly string[];
  /** What forbids it; the pod is refused, as it asked for a sidecar it cannot have. */
  readonly refused?: Part;
}

const NOTHING: Injection = { operations: [], warnings: [] };

/** Gives a Pod that is being created its sidecar, where a policy wants one; changes nothing when it is there already. */
export function injectSidecar(verdict: Verdict, image: string | undefined): Injection {
  const { subject, rules } = verdict;
  const [pod] = subject.pods;
  if (image === undefined || pod === undefined || !isPod(subject) || subject.operation !== "CREATE") return NOTHING;
  if (rules.inject === undefined) return NOTHING;
  const out = optOutOf(pod);
  if (out !== undefined)
    return { ...NOTHING, warnings: out.warning === undefined ? [] : [`${subject.name}: ${out.warning}`] };
  const injected = injectInto(pod, subject.object as PodLike, { image, newToken: newHookToken });
  if (injected.kind === "refused") return { ...NOTHING, refused: refusal(injected.problems) };
  return { operations: injected.operations, warnings: graceWarnings(verdict) };
}

/** What the path of a hook ends in, so that only readers of the pod can set it off: 128 random bits. */
export function newHookToken(): string {
  return randomBytes(16).toString("hex");
}

/** What the sidecar takes to let open requests end, in seconds; the application's own stop comes before it. */
const DRAIN_SECONDS = 10;

/** A pod that is killed sooner than its sidecar drains loses the requests under way. */
function graceWarnings({ subject }: Verdict): string[] {
  const seconds = subject.pods[0]?.spec["terminationGracePeriodSeconds"];
  if (typeof seconds !== "number" || seconds >= DRAIN_SECONDS) return [];
  const text = `terminationGracePeriodSeconds ${seconds} is shorter than the ${DRAIN_SECONDS} s its sidecar takes to drain`;
  return [`${subject.name}: ${text}`];
}

function refusal(problems: readonly Found[]): Part {
  const [path, rule] = ["metadata", "sidecar injection"];
  const violations = problems.map((problem) => ({ ...problem, rule }));
  return { path, about: rule, rule, mode: "enforce", decision: decide(violations, "enforce") };
}
