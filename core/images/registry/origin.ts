import type { Digest } from "../../policy/evidence.ts";
import { digestOf, isDigest } from "../digest.ts";
import type { ImagesCode } from "../errors.ts";
import { ARTIFACTS_PER_IMAGE, MANIFEST_LIMIT_BYTES, REFERRER_PAGES } from "../limits.ts";
import { type Descriptor, type Listing, type Manifest, parseManifest, parseReferrers } from "../manifest.ts";
import { MANIFEST_TYPES, OCI_INDEX } from "../media-types.ts";
import { formatRepository } from "../reference.ts";
import { type Answer, failure, headerOf } from "./answer.ts";
import type { RegistryAuth, Visitor } from "./auth.ts";
import type { RegistryHosts } from "./hosts.ts";
import type { RegistryHttp } from "./http.ts";

export interface OriginParts {
  readonly hosts: RegistryHosts;
  readonly http: RegistryHttp;
  readonly auth: RegistryAuth;
}

interface Question {
  readonly url: URL;
  readonly accept: string;
  readonly limitBytes: number;
  readonly signal: AbortSignal;
  readonly what: string;
}

/** Statuses by which a registry says that it has no such API. @see distribution-spec "Unavailable Referrers API": 404 */
const NO_SUCH_API: readonly number[] = [404, 405, 406, 501];
const NOT_THERE: readonly number[] = [404];

/** One manifest of exactly this host, its bytes hashed. `undefined` when the registry says it is not there. */
export async function fetchManifest(
  parts: OriginParts,
  visitor: Visitor,
  reference: string,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const found = await fetchHashed(parts, visitor, reference, signal);
  if (found === undefined) return undefined;
  const { answer, digest, what } = found;
  return parseManifest(answer.body, digest, headerOf(answer, "content-type"), what);
}

export async function fetchBlob(
  parts: OriginParts,
  visitor: Visitor,
  { digest, size }: Descriptor,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const what = `${formatRepository(visitor.repository)}@${digest}`;
  if (size > limitBytes) throw failure("REGISTRY_TOO_LARGE", `${what}: ${size} bytes, at most ${limitBytes} are read`);
  const url = apiUrl(parts, visitor, `blobs/${digest}`);
  const answer = await ask(parts, visitor, { url, accept: "*/*", limitBytes, signal, what });
  if (answer === undefined) return undefined;
  const received = digestOf(answer.body);
  if (received !== digest) throw mismatch(what, digest, received);
  return answer.body;
}

/** The referrers API's list, all its pages up to the caps. `undefined` when the registry has no such API. */
export async function fetchReferrers(
  parts: OriginParts,
  visitor: Visitor,
  digest: Digest,
  signal: AbortSignal,
): Promise<Listing | undefined> {
  const what = `${formatRepository(visitor.repository)}@${digest}: referrers`;
  const found: Descriptor[] = [];
  let unreadable: Pick<Listing, "unreadable"> = {};
  let url: URL | undefined = apiUrl(parts, visitor, `referrers/${digest}`);
  for (let page = 0; url !== undefined; page++) {
    if (page === REFERRER_PAGES || found.length >= ARTIFACTS_PER_IMAGE) return capped(found, true, unreadable);
    const question: Question = { url, accept: OCI_INDEX, limitBytes: MANIFEST_LIMIT_BYTES, signal, what };
    const answer: Answer | undefined = await ask(parts, visitor, question, page === 0 ? NO_SUCH_API : NOT_THERE);
    if (answer === undefined && page === 0) return undefined;
    if (answer === undefined) throw failure("REGISTRY_STATUS", `${what}: page ${page + 1} is not there`);
    const listed = parseReferrers(answer.body, what);
    found.push(...listed.descriptors);
    if (listed.unreadable === true) unreadable = { unreadable: true };
    if (listed.truncated) return capped(found, true, unreadable);
    url = nextPage(headerOf(answer, "link"), url, what);
  }
  return capped(found, found.length > ARTIFACTS_PER_IMAGE, unreadable);
}

/** The list under the tag that stands for the API where a registry has none; empty when there is no such tag. */
export async function fetchFallback(
  parts: OriginParts,
  visitor: Visitor,
  digest: Digest,
  signal: AbortSignal,
): Promise<Listing> {
  const found = await fetchHashed(parts, visitor, digest.replace(":", "-"), signal);
  return found === undefined ? { descriptors: [], truncated: false } : parseReferrers(found.answer.body, found.what);
}

async function fetchHashed(
  parts: OriginParts,
  visitor: Visitor,
  reference: string,
  signal: AbortSignal,
): Promise<{ answer: Answer; digest: Digest; what: string } | undefined> {
  const what = `${formatRepository(visitor.repository)}${isDigest(reference) ? "@" : ":"}${reference}`;
  const url = apiUrl(parts, visitor, `manifests/${reference}`);
  const accept = MANIFEST_TYPES.join(", ");
  const answer = await ask(parts, visitor, { url, accept, limitBytes: MANIFEST_LIMIT_BYTES, signal, what });
  if (answer === undefined) return undefined;
  const digest = digestOf(answer.body);
  const announced = headerOf(answer, "docker-content-digest");
  for (const expected of [isDigest(reference) ? reference : digest, announced ?? digest]) {
    if (expected !== digest) throw mismatch(what, expected, digest);
  }
  return { answer, digest, what };
}

function capped(found: readonly Descriptor[], truncated: boolean, rest: Pick<Listing, "unreadable">): Listing {
  return { descriptors: found.slice(0, ARTIFACTS_PER_IMAGE), truncated, ...rest };
}

/** @see RFC 8288; a next page on another origin would carry this registry's credentials there */
function nextPage(link: string | undefined, current: URL, what: string): URL | undefined {
  const target = /<([^<>]{1,2000})>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return undefined;
  const url = URL.canParse(target, current) ? new URL(target, current) : undefined;
  if (url?.origin === current.origin) return url;
  throw failure("REGISTRY_MALFORMED", `${what}: the next page is at another host`);
}

/** Asks, answers one challenge, and sorts the statuses: 200 is an answer, "not there" is nothing, the rest throws. */
async function ask(
  { auth, http }: OriginParts,
  visitor: Visitor,
  question: Question,
  notThere = NOT_THERE,
): Promise<Answer | undefined> {
  const known = auth.known(visitor);
  const first = await http.send({ ...question, ...(known === undefined ? {} : { authorization: known }) });
  if (first.status !== 401) return judgeStatus(first, question.what, notThere);
  const authorization = await auth.answer(first, visitor, question.signal);
  return judgeStatus(await http.send({ ...question, authorization }), question.what, notThere);
}

function judgeStatus(answer: Answer, what: string, notThere: readonly number[]): Answer | undefined {
  if (answer.status === 200) return answer;
  if (notThere.includes(answer.status)) return undefined;
  throw failure(codeOf(answer.status), `${what}: ${answer.url.host} answered ${answer.status}`);
}

function codeOf(status: number): ImagesCode {
  if (status === 401 || status === 403) return "REGISTRY_DENIED";
  return status >= 500 ? "REGISTRY_UNAVAILABLE" : "REGISTRY_STATUS";
}

function apiUrl({ hosts }: OriginParts, { repository }: Visitor, rest: string): URL {
  return new URL(`v2/${repository.repository}/${rest}`, hosts.urlOf(repository.registry));
}

function mismatch(what: string, expected: string, received: Digest): Error {
  return failure(
    "REGISTRY_DIGEST_MISMATCH",
    `${what}: the bytes received are ${received}, not ${expected.slice(0, 80)}`,
  );
}
