import type { Violation } from "../decision.ts";
import { matchesImage } from "./image-glob.ts";
import {
  broken,
  complain,
  digestOf,
  excused,
  type Judged,
  type Ruling,
  repositoryOf,
  runsHere,
  SILENT,
  tagOf,
  together,
} from "./image-judged.ts";
import { compareVersions, parseVersion } from "./version.ts";

/** Images that the policy names as unwanted, whoever signed them. Needs no evidence, so it also holds where none is to be had. */
export function judgeDenied(judged: Judged): Ruling {
  const { deny } = judged.policy.spec;
  if (deny === undefined) return SILENT;
  const digests = [digestOf(judged), writtenDigest(judged)];
  const digest = deny.digests.find((one) => digests.some((known) => known === one));
  const glob = deny.images.find((one) => matchesImage(one, repositoryOf(judged)));
  const found = digest === undefined ? glob : digest;
  if (found === undefined) return SILENT;
  const where = digest === undefined ? "spec.deny.images" : "spec.deny.digests";
  return broken(complain(judged, "IMG_DENIED", `${found} in ${where}`, "an image that the policy does not deny"));
}

/** The digest that the reference itself names, whether or not the registry was reached. */
export function writtenDigest({ evidence: { reference } }: Judged): string | undefined {
  const at = reference.indexOf("@");
  return at === -1 ? undefined : reference.slice(at + 1);
}

/** Whether the tag names a version that is new enough. What runs in the namespace now may start again. */
export function judgeVersions(judged: Judged): Ruling {
  const name = repositoryOf(judged);
  const rules = judged.policy.spec.minimumVersions.filter(({ image }) => matchesImage(image, name));
  return together(
    rules.map(({ version }) => {
      const violation = belowVersion(judged, version);
      if (violation === undefined) return SILENT;
      return runsHere(judged) ? excused(violation) : broken(violation);
    }),
  );
}

function belowVersion(judged: Judged, wanted: string): Violation | undefined {
  const tag = tagOf(judged.evidence.reference);
  const found = parseVersion(tag ?? "");
  const least = parseVersion(wanted);
  if (found !== undefined && least !== undefined && compareVersions(found, least) >= 0) return undefined;
  const what =
    found !== undefined ? `version ${tag}` : tag === undefined ? "no tag" : `tag ${tag}, which is no version`;
  return complain(judged, "IMG_VERSION", what, `a tag that names version ${wanted} or a later one`);
}
