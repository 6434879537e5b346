import { hash } from "node:crypto";
import { admits } from "../../core/policy/decision.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import { isObject } from "../../core/policy/pods/pod-spec.ts";
import { outcomeOf, violationsOf } from "../answer/outcome.ts";
import { plainText } from "../answer/plain-text.ts";
import { isAdmitted, type Part, undecidedMeans, type Verdict } from "../judge.ts";
import type { ReviewRequest } from "../review.ts";
import type { Door } from "./observe.ts";

/** Where an author says why: read for the record, never for the verdict. */
export const CHANGE_REASON_ANNOTATION = "outrider.dev/change-reason";
/** Most images and most violations of one record, so that its line stays far below what is read back. */
export const RECORD_PARTS_LIMIT = 512;
/** Characters of the policies' version. */
const VERSION_CHARS = 16;

/** What one decision leaves behind. Flat and small; the order of its fields is the order in the file. */
export interface DecisionRecord {
  readonly at: string;
  readonly uid: string;
  readonly door: Door;
  readonly subject: string;
  readonly operation: string;
  readonly user: string;
  readonly outcome: string;
  /** Which policies were in force: the start of the SHA-256 of all of them. */
  readonly policies?: string;
  /** What the author said of the change: the annotation outrider.dev/change-reason. */
  readonly reason?: string;
  readonly unjudged?: string;
  /** Something could not be found out, and a policy says to admit then. */
  readonly failOpen?: true;
  /** Codes of what could not be found out. */
  readonly unknown?: readonly string[];
  readonly images: readonly ImageRecord[];
  /** Images and violations that are not listed, when there were too many. */
  readonly omitted?: number;
  readonly violations: readonly {
    readonly code: string;
    readonly path: string;
    readonly rule: string;
    readonly mode: string;
  }[];
}

/** What was known of one image. */
export interface ImageRecord {
  readonly path: string;
  readonly image: string;
  readonly digest?: string;
  readonly signers: readonly string[];
  readonly scan: string;
  /** On what it was admitted: "evidence", "running" (the grace of a digest that runs), "configured", "advised", "audited". */
  readonly grounds?: string;
  /** From verified provenance. */
  readonly sourceCommit?: string;
  readonly builder?: string;
}

/** A decision as the hash-chained log keeps it. @param policies  in force when it was made */
export function decisionRecord(
  door: Door,
  request: ReviewRequest,
  verdict: Verdict,
  policies: readonly ImagePolicy[],
  nowMs: number,
): DecisionRecord {
  const violations = violationsOf(verdict);
  const unknown = [...new Set(verdict.parts.flatMap(unknownCode))];
  const reason = changeReason(request);
  return {
    at: new Date(nowMs).toISOString(),
    uid: request.uid,
    door,
    subject: verdict.subject.name,
    operation: request.operation,
    user: request.username,
    outcome: outcomeOf(verdict),
    policies: versionOf(policies),
    ...(reason === "" ? {} : { reason }),
    ...(verdict.unjudged === undefined ? {} : { unjudged: verdict.unjudged }),
    ...(isAdmitted(verdict) && verdict.parts.some(isLetPass) ? { failOpen: true } : {}),
    ...(unknown.length === 0 ? {} : { unknown }),
    images: verdict.parts.slice(0, RECORD_PARTS_LIMIT).flatMap(imageRecord),
    ...(violations.length > RECORD_PARTS_LIMIT ? { omitted: violations.length - RECORD_PARTS_LIMIT } : {}),
    violations: violations.slice(0, RECORD_PARTS_LIMIT).map(({ part, violation }) => ({
      code: violation.code,
      path: violation.path,
      rule: violation.rule,
      mode: part.mode,
    })),
  };
}

function imageRecord({ path, about, facts, grounds }: Part): ImageRecord[] {
  if (facts === undefined) return [];
  const { digest, signers, scan } = facts;
  const proofs = grounds?.kind === "evidence" ? grounds.proofs : [];
  const built = proofs.find((proof) => "predicateType" in proof && (proof.builder ?? proof.sourceCommit) !== undefined);
  const { builder, sourceCommit } = (built ?? {}) as { readonly builder?: string; readonly sourceCommit?: string };
  return [
    {
      path,
      image: about,
      ...(digest === undefined ? {} : { digest }),
      signers,
      scan,
      ...(grounds === undefined ? {} : { grounds: grounds.kind }),
      ...(sourceCommit === undefined ? {} : { sourceCommit: plainText(sourceCommit) }),
      ...(builder === undefined ? {} : { builder: plainText(builder) }),
    },
  ];
}

/** Not found out, and admitted because the rule enforces and says to admit then. */
function isLetPass(part: Part): boolean {
  return part.mode === "enforce" && part.decision.kind === "undecided" && admits(part.decision, undecidedMeans(part));
}

function unknownCode({ decision }: Part): string[] {
  if (decision.kind !== "undecided") return [];
  const { code } = decision.cause as { readonly code?: unknown };
  return [typeof code === "string" ? code : "INTERNAL"];
}

function changeReason({ object }: ReviewRequest): string {
  const metadata = isObject(object?.["metadata"]) ? object["metadata"] : {};
  const annotations = isObject(metadata["annotations"]) ? metadata["annotations"] : {};
  const reason = annotations[CHANGE_REASON_ANNOTATION];
  return typeof reason === "string" ? plainText(reason) : "";
}

const versions = new WeakMap<readonly ImagePolicy[], string>();

/** The same for the same policies, on every replica. Computed once per change. */
function versionOf(policies: readonly ImagePolicy[]): string {
  const known = versions.get(policies);
  if (known !== undefined) return known;
  const version = hash("sha256", JSON.stringify(policies), "hex").slice(0, VERSION_CHARS);
  versions.set(policies, version);
  return version;
}
