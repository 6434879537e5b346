/** Longest glob, in characters, and most segments of one; matching is bounded by their product with the name's. */
export const GLOB_LIMIT_CHARS = 512;
export const GLOB_LIMIT_SEGMENTS = 32;

const SEGMENT = /^(?:\*\*|[a-z0-9._\-*]+)$/;
const HOST_SEGMENT = /^(?:\*\*|[a-z0-9.\-*]+(?::[0-9*]{1,5})?|\[[a-f0-9:]+\](?::[0-9*]{1,5})?)$/;

/** What is wrong with a glob, in words; `undefined` when nothing is. */
export function imageGlobProblem(glob: string): string | undefined {
  const segments = glob.split("/");
  if (glob.length > GLOB_LIMIT_CHARS) return `longer than ${GLOB_LIMIT_CHARS} characters`;
  if (segments.length > GLOB_LIMIT_SEGMENTS) return `more than ${GLOB_LIMIT_SEGMENTS} segments`;
  if (glob.includes("@")) return "a glob matches host/repository; leave out the digest";
  const wrong = segments.find((segment, index) => !(index === 0 ? HOST_SEGMENT : SEGMENT).test(segment));
  if (wrong === undefined) return undefined;
  return `expected host/repository by segments of a-z 0-9 . _ - with * and ** (no tag), found segment "${wrong}"`;
}

/**
 * Whether a glob covers an image, compared segment by segment: `ghcr.io/acme/*` covers ghcr.io/acme/web and neither
 * ghcr.io/acme/team/web nor ghcr.io/acme-evil/web. `*` is any part of one segment, `**` any number of segments.
 * A glob without a host means Docker Hub, as a reference does: "nginx" is docker.io/library/nginx.
 *
 * @param name  normalised host/repository
 */
export function matchesImage(glob: string, name: string): boolean {
  return matchesSegments(withHost(glob).split("/"), name.split("/"));
}

function withHost(glob: string): string {
  const slash = glob.indexOf("/");
  const first = slash === -1 ? glob : glob.slice(0, slash);
  if (first.includes("*") || (slash !== -1 && (/[.:]/.test(first) || first === "localhost"))) return glob;
  return slash === -1 ? `docker.io/library/${glob}` : `docker.io/${glob}`;
}

/** Dynamic programming over segments, so that many `**` cost their product, not an exponent. */
function matchesSegments(glob: readonly string[], name: readonly string[]): boolean {
  let reachable = new Array<boolean>(name.length + 1).fill(false);
  reachable[0] = true;
  for (const segment of glob) {
    const next = new Array<boolean>(name.length + 1).fill(false);
    for (let at = 0; at <= name.length; at++) {
      if (segment === "**") next[at] = reachable[at] === true || (at > 0 && next[at - 1] === true);
      else if (at > 0) next[at] = reachable[at - 1] === true && matchesSegment(segment, name[at - 1] ?? "");
    }
    reachable = next;
  }
  return reachable[name.length] === true;
}

/** `*` within one segment; linear backtracking to the last star only. */
function matchesSegment(glob: string, text: string): boolean {
  let g = 0;
  let star = -1;
  let resume = 0;
  for (let t = 0; t < text.length; ) {
    if (glob[g] === "*") {
      star = g++;
      resume = t;
    } else if (glob[g] === text[t]) {
      g++;
      t++;
    } else if (star !== -1) {
      g = star + 1;
      t = ++resume;
    } else return false;
  }
  return /^\**$/.test(glob.slice(g));
}
