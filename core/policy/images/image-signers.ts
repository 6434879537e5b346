import type { Violation } from "../decision.ts";
import type { Signature, Verified } from "../evidence.ts";
import {
  broken,
  complain,
  digestOf,
  excused,
  type ImageCode,
  type Judged,
  met,
  pinnedName,
  type Ruling,
  repositoryOf,
  runsHere,
  SILENT,
} from "./image-judged.ts";
import { agedText, expectedOf, namesOf, olderThan } from "./image-words.ts";
import { type Tally, tally } from "./quorum.ts";
import type { Authority } from "./schema/authority.ts";

/**
 * Whether enough of the policy's release authorities signed this very digest, recently enough where an age is asked for.
 * Only a digest that runs in the namespace now may keep a signature that is too old: anything else is a rollback.
 */
export function judgeSigners(judged: Judged): Ruling {
  const { evidence, policy, nowMs } = judged;
  const rule = policy.spec.signatures;
  if (rule === undefined || digestOf(judged) === undefined || evidence.signatures.kind === "failed") return SILENT;
  const of = policy.spec.authorities.filter(({ role }) => role === "release");
  const found = evidence.signatures.kind === "found" ? evidence.signatures.value : [];
  const relevant = found.filter((one) => isRelevant(one, judged));
  const { require, maxAge: maxAgeMs } = rule;
  const counted = tally(relevant, { of, require, maxAgeMs }, nowMs);
  if (counted.met) return met(counted.counted);
  const expected = `${expectedOf(require, of)}${olderThan(maxAgeMs)}`;
  const ageless = tally(relevant, { of, require }, nowMs);
  if (ageless.met && runsHere(judged)) return excused(tooOld(judged, counted, expected), ageless.counted);
  if (ageless.met || ageless.stale.length > 0) return broken(tooOld(judged, counted, expected));
  if (counted.counted.length > 0)
    return broken(complain(judged, "IMG_SIGNERS_MISSING", `signed by ${namesOf(counted.counted)} only`, expected));
  const seen = whatWasSeen(judged, found);
  return broken(complain(judged, seen.code, seen.found, expected, signCommand(of, judged)));
}

/** What would make a signature of the kind that the policy's first authority is recognised by. */
function signCommand([first]: readonly Authority[], judged: Judged): string {
  const image = pinnedName(judged);
  if (first === undefined || "key" in first) return `cosign sign --key <release key> ${image}`;
  return "notary" in first ? `notation sign ${image}` : `cosign sign ${image}`;
}

/** A signature counts over this very digest, in the role of signing, and where asked over this very name. */
function isRelevant(one: Verified<Signature>, judged: Judged): boolean {
  const here = judged.policy.spec.signatures?.sameRepository !== true || one.repository === repositoryOf(judged);
  return one.role === "release" && one.digest === digestOf(judged) && here;
}

function tooOld(judged: Judged, { stale, undated }: Tally<Verified<Signature>>, expected: string): Violation {
  const [old] = stale;
  const found = (one: Signature) => `one by ${one.signer}, ${agedText(one, judged.nowMs)}`;
  if (old !== undefined) return complain(judged, "IMG_SIGNATURE_STALE", found(old), expected);
  return complain(judged, "IMG_TIME_UNKNOWN", undated.map(found).join(", "), expected);
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
