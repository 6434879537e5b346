import { DAY_MS, HOUR_MS, MINUTE_MS } from "../base/clock.ts";
import { formatDuration } from "../base/duration.ts";
import { CodedError, messageOf } from "../base/errors.ts";
import { type Decision, decide, type OnUndecided, type Violation } from "./decision.ts";
import { POLICY_ERRORS } from "./errors.ts";
import type { Digest, Finding, ImageEvidence, ScanResult, Signature, Verified } from "./evidence.ts";
import type { Authority, ImagePolicy } from "./image-policy-schema.ts";

/** Where the image is written, and what will still happen to it. */
export interface ImagePlace {
  /** "spec.initContainers[0].image" */
  readonly path: string;
  /** True while the mutating webhook has yet to run, which pins the digest itself. */
  readonly willBePinned?: boolean;
}

type ImageCode = Extract<keyof typeof POLICY_ERRORS, `IMG_${string}`>;

/** A scan from further ahead than this is not believed: its clock or its author is wrong. */
export const CLOCK_SKEW_MS = 5 * MINUTE_MS;
/** Vulnerabilities named in one denial; the rest are counted. */
export const VULNERABILITIES_NAMED = 10;

/**
 * Judges one image by one policy: every violation at once, and never an allow on what could not be found out.
 *
 *   reference  is it one, and held to a digest
 *   digest     does the registry have it, and do the bytes match
 *   signers    did enough of the release authorities sign this digest
 *   scan       is it recent, and does it hold nothing that the policy refuses
 *
 * A look-up that failed makes the answer "undecided" unless a violation is certain already: then it is that denial.
 * In the modes warn and audit violations come back as a warning; `onUndecidedOf` says what undecided means there.
 *
 * @param evidence  gathered against `policy.spec.authorities`
 * @param nowMs  milliseconds since the epoch
 */
export function judgeImage(evidence: ImageEvidence, policy: ImagePolicy, place: ImagePlace, nowMs: number): Decision {
  const judged: Judged = { evidence, policy, place, nowMs };
  const violations = [...judgeReference(judged), ...judgeDigest(judged), ...judgeSigners(judged), ...judgeScan(judged)];
  const decision = decide(violations, policy.spec.mode === "enforce" ? "enforce" : "warn");
  const failed = firstFailure(judged);
  if (failed === undefined || decision.kind === "deny") return decision;
  return { kind: "undecided", where: `${place.path} ${evidence.reference}`, cause: failed };
}

/** An image that no policy covers is refused: nobody vouches for it. */
export function judgeUncovered(reference: string, { path }: ImagePlace): Decision {
  const expected = "a policy whose spec.match.images covers it";
  return decide(
    [violation("IMG_NO_POLICY", { path, subject: reference, rule: "the gate", found: "no policy", expected })],
    "enforce",
  );
}

/** What is written where an image belongs and is no reference at all. */
export function judgeInvalidReference(text: string, cause: unknown, { path }: ImagePlace): Decision {
  const found = messageOf(cause);
  const expected = "host/repository[:tag][@sha256:digest]";
  return decide(
    [violation("IMG_REFERENCE_INVALID", { path, subject: text, rule: "the gate", found, expected })],
    "enforce",
  );
}

/** A policy that only warns never stops a pod, so neither does an answer it could not find. */
export function onUndecidedOf(policy: ImagePolicy): OnUndecided {
  return policy.spec.mode === "enforce" ? "deny" : "allow-audited";
}

/** Whether a policy speaks of a namespace at all. */
export function coversNamespace(policy: ImagePolicy, namespace: string): boolean {
  return policy.spec.match.namespaces?.includes(namespace) ?? true;
}

interface Judged {
  readonly evidence: ImageEvidence;
  readonly policy: ImagePolicy;
  readonly place: ImagePlace;
  readonly nowMs: number;
}

function judgeReference(judged: Judged): Violation[] {
  const { evidence, policy, place } = judged;
  if (!policy.spec.pinDigests || place.willBePinned === true || evidence.reference.includes("@sha256:")) return [];
  const digest = evidence.digest.kind === "found" ? evidence.digest.value : "sha256:<digest>";
  const found = "a tag, which can be moved to another image";
  return [complain(judged, "IMG_NOT_PINNED", found, "a digest", `write ${evidence.reference}@${digest}`)];
}

function judgeDigest(judged: Judged): Violation[] {
  const { digest } = judged.evidence;
  if (digest.kind === "absent") return [complain(judged, "IMG_NOT_FOUND", digest.why, "an image")];
  if (digest.kind === "found") return [];
  const code = digest.cause instanceof CodedError ? digest.cause.code : "";
  if (code === "REF_INVALID") return [complain(judged, "IMG_REFERENCE_INVALID", digest.cause.message, "a reference")];
  if (code === "REGISTRY_SCHEMA_1")
    return [complain(judged, "IMG_SCHEMA_1", "a Docker schema 1 manifest", "an OCI or schema 2 manifest")];
  if (code !== "REGISTRY_DIGEST_MISMATCH") return [];
  return [complain(judged, "IMG_DIGEST_MISMATCH", digest.cause.message, "bytes that hash to the digest")];
}

function judgeSigners(judged: Judged): Violation[] {
  const { evidence, policy } = judged;
  const rule = policy.spec.signatures;
  if (rule === undefined || evidence.digest.kind !== "found" || evidence.signatures.kind === "failed") return [];
  const releases = policy.spec.authorities.filter(({ role }) => role === "release");
  const found = evidence.signatures.kind === "found" ? evidence.signatures.value : [];
  const signers = releases.filter((authority) => found.some((one) => counts(one, authority, judged, evidence)));
  const wanted = threshold(rule.require, releases.length);
  if (wanted > 0 && signers.length >= wanted) return [];
  const expected = expectedSigners(rule.require, releases);
  if (signers.length > 0)
    return [complain(judged, "IMG_SIGNERS_MISSING", `signed by ${names(signers)} only`, expected)];
  const seen = whatWasSeen(judged, found);
  return [complain(judged, seen.code, seen.found, expected, signCommand(evidence))];
}

/** A signature counts for the authority that made it, over this very digest, and where asked over this very name. */
function counts(one: Verified<Signature>, authority: Authority, { policy }: Judged, evidence: ImageEvidence): boolean {
  const digest: Digest | undefined = evidence.digest.kind === "found" ? evidence.digest.value : undefined;
  const here =
    policy.spec.signatures?.sameRepository !== true || one.repository === (evidence.name ?? nameOf(evidence.reference));
  return one.signer === authority.name && one.role === "release" && one.digest === digest && here;
}

function threshold(require: NonNullable<ImagePolicy["spec"]["signatures"]>["require"], all: number): number {
  if (require === "all") return all;
  return require === "any" ? 1 : require.atLeast;
}

function expectedSigners(
  require: NonNullable<ImagePolicy["spec"]["signatures"]>["require"],
  of: readonly Authority[],
): string {
  if (of.length === 1) return `one by ${names(of)}`;
  if (require === "all") return `one by each of ${names(of)}`;
  return `${require === "any" ? "one" : require.atLeast} of ${names(of)}`;
}

function whatWasSeen({ evidence }: Judged, found: readonly Signature[]): { code: ImageCode; found: string } {
  const [elsewhere] = found;
  if (elsewhere !== undefined) {
    const where = elsewhere.repository === undefined ? "that names no repository" : `made for ${elsewhere.repository}`;
    return { code: "IMG_UNTRUSTED_SIGNER", found: `a signature by ${elsewhere.signer} ${where}` };
  }
  const why = evidence.signatures.kind === "absent" ? evidence.signatures.why : "no signature";
  const signed = (evidence.seen?.signatures ?? 0) > 0;
  return { code: signed ? "IMG_UNTRUSTED_SIGNER" : "IMG_UNSIGNED", found: why };
}

function judgeScan(judged: Judged): Violation[] {
  const { evidence, policy, nowMs } = judged;
  const rule = policy.spec.scan;
  if (rule === undefined || evidence.digest.kind !== "found" || evidence.scan.kind === "failed") return [];
  if (evidence.scan.kind === "absent") {
    return [
      complain(judged, "IMG_UNSCANNED", evidence.scan.why, `a scan not older than ${formatDuration(rule.maxAge)}`),
    ];
  }
  const scan = evidence.scan.value;
  if (scan.digest !== evidence.digest.value) {
    return [complain(judged, "IMG_UNSCANNED", `a scan of another image, ${scan.digest}`, "a scan of this digest")];
  }
  const ageMs = nowMs - scan.finishedAtMs;
  const stale = ageMs > rule.maxAge || ageMs < -CLOCK_SKEW_MS;
  const expected = `a scan not older than ${formatDuration(rule.maxAge)}`;
  return [
    ...(stale ? [complain(judged, "IMG_SCAN_STALE", `${scan.source}, ${describeAge(ageMs)}`, expected)] : []),
    ...judgeFindings(judged, scan),
  ];
}

function judgeFindings(judged: Judged, scan: ScanResult): Violation[] {
  const rule = judged.policy.spec.scan;
  const refused = scan.findings.filter(
    ({ severity, fixedIn }) => rule?.refuse.includes(severity) === true && (!rule.onlyFixable || fixedIn !== undefined),
  );
  if (rule === undefined || refused.length === 0) return [];
  const named = refused.slice(0, VULNERABILITIES_NAMED).map(describeFinding).join(", ");
  const more = refused.length > VULNERABILITIES_NAMED ? ` and ${refused.length - VULNERABILITIES_NAMED} more` : "";
  const fixable = rule.onlyFixable ? " that can be fixed" : "";
  return [
    complain(
      judged,
      "IMG_VULNERABLE",
      `${named}${more}`,
      `no ${rule.refuse.join(" or ")} vulnerability${fixable}`,
      mend(refused),
    ),
  ];
}

function describeFinding({ id, severity, package: name, fixedIn }: Finding): string {
  return `${id} (${severity}) in ${name}${fixedIn === undefined ? "" : `, fixed in ${fixedIn}`}`;
}

function mend(findings: readonly Finding[]): string {
  const fixable = findings.find(({ fixedIn }) => fixedIn !== undefined);
  if (fixable?.fixedIn === undefined)
    return "no fixed package exists yet: change the base image, or ask for an exception";
  return `update ${fixable.package} to ${fixable.fixedIn}, build, sign and scan the image again`;
}

/** "3 h old", "12 d old", "from 2 h in the future" */
export function describeAge(ageMs: number): string {
  const size = Math.abs(ageMs);
  const [unit, name] = size >= 2 * DAY_MS ? [DAY_MS, "d"] : size >= HOUR_MS ? [HOUR_MS, "h"] : [MINUTE_MS, "min"];
  const text = `${Math.round(size / unit)} ${name}`;
  return ageMs < 0 ? `from ${text} in the future` : `${text} old`;
}

/** Only what the policy asks for can leave it undecided. */
function firstFailure({ evidence, policy }: Judged): Error | undefined {
  const asked = [
    evidence.digest,
    ...(policy.spec.signatures === undefined ? [] : [evidence.signatures]),
    ...(policy.spec.scan === undefined ? [] : [evidence.scan]),
  ];
  return asked.flatMap((lookup) => (lookup.kind === "failed" ? [lookup.cause] : []))[0];
}

function complain(
  { evidence, policy, place }: Judged,
  code: ImageCode,
  found: string,
  expected: string,
  fix?: string,
): Violation {
  const rule = `ImagePolicy ${policy.metadata.name}`;
  return violation(code, {
    path: place.path,
    subject: evidence.reference,
    rule,
    found,
    expected,
    ...(fix === undefined ? {} : { fix }),
  });
}

function violation(code: ImageCode, facts: Omit<Violation, "code" | "fix"> & { readonly fix?: string }): Violation {
  return { code, ...facts, fix: facts.fix ?? POLICY_ERRORS[code].fix };
}

function signCommand({ reference, digest }: ImageEvidence): string {
  return `cosign sign --key <release key> ${nameOf(reference)}${digest.kind === "found" ? `@${digest.value}` : ""}`;
}

/** The reference without tag and digest. */
function nameOf(reference: string): string {
  const name = reference.split("@")[0] ?? "";
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  return colon === -1 ? name : name.slice(0, colon);
}

function names(authorities: readonly Authority[]): string {
  return authorities.map(({ name }) => name).join(", ");
}
