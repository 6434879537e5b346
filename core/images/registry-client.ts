import { type Clock, systemClock } from "../base/clock.ts";
import type { Digest } from "../policy/evidence.ts";
import { digestOf, isDigest } from "./digest.ts";
import { ARTIFACTS_PER_IMAGE, MANIFEST_LIMIT_BYTES, REFERRER_PAGES } from "./limits.ts";
import { type Descriptor, type Manifest, parseManifest, parseReferrers } from "./manifest.ts";
import { MANIFEST_TYPES, OCI_INDEX } from "./media-types.ts";
import { formatRepository, type Repository } from "./reference.ts";
import type { Resolver } from "./registry/address-guard.ts";
import { createRegistryAuth, type RegistryAuth } from "./registry/auth.ts";
import { type RegistryHost, type RegistryHosts, registryHosts } from "./registry/hosts.ts";
import { type Answer, createRegistryHttp, failure, headerOf, type RegistryHttp } from "./registry/http.ts";
import { createSocketTransport, type Transport } from "./registry/transport.ts";

export interface RegistryClientOptions {
  readonly registries?: readonly RegistryHost[];
  /** Longest wait for one request, in milliseconds. */
  readonly requestDeadlineMs?: number;
  readonly clock?: Clock;
  /** Sockets when left out. */
  readonly transport?: Transport;
  /** Names to addresses, for sockets; the system's resolver when left out. */
  readonly resolve?: Resolver;
}

/** What refers to a digest, as far as the caps allowed. */
export interface Referrers {
  readonly descriptors: readonly Descriptor[];
  /** True when the registry had more than is read. */
  readonly truncated: boolean;
}

/**
 * Reads a registry by the distribution API. `undefined` means the registry says it is not there (404); everything else
 * that is not a whole, well-formed answer of the right digest throws a CodedError (REGISTRY_*).
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export interface RegistryClient {
  /** @param reference  a tag or a digest; bytes are hashed here and must match a digest asked for or announced */
  manifest(repository: Repository, reference: string, signal: AbortSignal): Promise<Manifest | undefined>;
  blob(
    repository: Repository,
    descriptor: Descriptor,
    limitBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /** `undefined` when the registry has no referrers API. */
  referrers(repository: Repository, digest: Digest, signal: AbortSignal): Promise<Referrers | undefined>;
  close(): Promise<void>;
}

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const hosts = registryHosts(options.registries ?? []);
  const transport = options.transport ?? createSocketTransport(hosts, options);
  const http = createRegistryHttp(hosts, transport, options.requestDeadlineMs);
  const way: Way = { hosts, http, auth: createRegistryAuth(http, hosts, options.clock ?? systemClock) };
  return {
    manifest: (repository, reference, signal) => fetchManifest(way, repository, reference, signal),
    blob: (repository, descriptor, limitBytes, signal) => fetchBlob(way, repository, descriptor, limitBytes, signal),
    referrers: (repository, digest, signal) => fetchReferrers(way, repository, digest, signal),
    close: () => http.close(),
  };
}

interface Way {
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

async function fetchManifest(
  way: Way,
  repository: Repository,
  reference: string,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const what = `${formatRepository(repository)}${isDigest(reference) ? "@" : ":"}${reference}`;
  const url = apiUrl(way, repository, `manifests/${reference}`);
  const accept = MANIFEST_TYPES.join(", ");
  const answer = await ask(way, repository, { url, accept, limitBytes: MANIFEST_LIMIT_BYTES, signal, what });
  if (answer === undefined) return undefined;
  const digest = digestOf(answer.body);
  const announced = headerOf(answer, "docker-content-digest");
  for (const expected of [isDigest(reference) ? reference : digest, announced ?? digest]) {
    if (expected !== digest) throw mismatch(what, expected, digest);
  }
  return parseManifest(answer.body, digest, headerOf(answer, "content-type"), what);
}

async function fetchBlob(
  way: Way,
  repository: Repository,
  { digest, size }: Descriptor,
  limitBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  const what = `${formatRepository(repository)}@${digest}`;
  if (size > limitBytes) throw failure("REGISTRY_TOO_LARGE", `${what}: ${size} bytes, at most ${limitBytes} are read`);
  const url = apiUrl(way, repository, `blobs/${digest}`);
  const answer = await ask(way, repository, { url, accept: "*/*", limitBytes, signal, what });
  if (answer === undefined) return undefined;
  const received = digestOf(answer.body);
  if (received !== digest) throw mismatch(what, digest, received);
  return answer.body;
}

async function fetchReferrers(
  way: Way,
  repository: Repository,
  digest: Digest,
  signal: AbortSignal,
): Promise<Referrers | undefined> {
  const what = `${formatRepository(repository)}@${digest}: referrers`;
  const found: Descriptor[] = [];
  let url: URL | undefined = apiUrl(way, repository, `referrers/${digest}`);
  for (let page = 0; url !== undefined; page++) {
    if (page === REFERRER_PAGES || found.length > ARTIFACTS_PER_IMAGE) return capped(found, true);
    const answer: Answer | undefined = await ask(way, repository, {
      url,
      accept: OCI_INDEX,
      limitBytes: MANIFEST_LIMIT_BYTES,
      signal,
      what,
    });
    if (answer === undefined && page === 0) return undefined;
    if (answer === undefined) throw failure("REGISTRY_STATUS", `${what}: page ${page + 1} is not there`);
    found.push(...parseReferrers(answer.body, what));
    url = nextPage(headerOf(answer, "link"), url, what);
  }
  return capped(found, found.length > ARTIFACTS_PER_IMAGE);
}

function capped(found: readonly Descriptor[], truncated: boolean): Referrers {
  return { descriptors: found.slice(0, ARTIFACTS_PER_IMAGE), truncated };
}

/** @see RFC 8288; a next page on another origin would carry this registry's credentials there */
function nextPage(link: string | undefined, current: URL, what: string): URL | undefined {
  const target = /<([^>]{1,2000})>\s*;\s*rel="?next"?/.exec(link ?? "")?.[1];
  if (target === undefined) return undefined;
  const url = URL.canParse(target, current) ? new URL(target, current) : undefined;
  if (url?.origin === current.origin) return url;
  throw failure("REGISTRY_MALFORMED", `${what}: the next page is at another host`);
}

/** Asks, answers one challenge, and sorts the statuses: 200 is an answer, 404 is "not there", the rest throws. */
async function ask(way: Way, repository: Repository, question: Question): Promise<Answer | undefined> {
  const known = way.auth.known(repository);
  const first = await way.http.get({ ...question, ...(known === undefined ? {} : { authorization: known }) });
  if (first.status !== 401) return judgeStatus(first, question.what);
  const authorization = await way.auth.answer(first, repository, question.signal);
  return judgeStatus(await way.http.get({ ...question, authorization }), question.what);
}

function judgeStatus(answer: Answer, what: string): Answer | undefined {
  if (answer.status === 200) return answer;
  if (answer.status === 404) return undefined;
  const code = answer.status === 401 || answer.status === 403 ? "REGISTRY_DENIED" : "REGISTRY_STATUS";
  throw failure(code, `${what}: ${answer.url.host} answered ${answer.status}`);
}

function apiUrl(way: Way, { registry, repository }: Repository, rest: string): URL {
  return new URL(`v2/${repository}/${rest}`, way.hosts.urlOf(registry));
}

function mismatch(what: string, expected: string, received: Digest): Error {
  return failure(
    "REGISTRY_DIGEST_MISMATCH",
    `${what}: expected ${expected.slice(0, 80)}, the bytes received are ${received}`,
  );
}
