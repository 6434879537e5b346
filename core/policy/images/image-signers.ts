import type { Violation } from "../decision.ts";
import type { Digest, ImageEvidence, Signature, Verified } from "../evidence.ts";
import { complain, type ImageCode, type Judged } from "./image-judged.ts";
import type { Authority, ImagePolicy } from "./image-policy-schema.ts";

/** Whether enough of the policy's release authorities signed this very digest. */
export function judgeSigners(judged: Judged): Violation[] {
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
