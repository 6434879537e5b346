import { type Clock, systemClock } from "../base/clock.ts";
import type { Digest } from "../policy/evidence.ts";
import { isDigest } from "./digest.ts";
import { ARTIFACTS_PER_IMAGE } from "./limits.ts";
import type { Descriptor, Listing, Manifest } from "./manifest.ts";
import { formatRepository, type Repository } from "./reference.ts";
import { createRegistryAuth } from "./registry/auth.ts";
import type { HelperOptions } from "./registry/credentials/helper.ts";
import { createKeyring, joinKeyrings, type Keyring, parseServer } from "./registry/credentials/keyring.ts";
import { type RegistryHost, registryHosts } from "./registry/hosts.ts";
import { createRegistryHttp } from "./registry/http.ts";
import { refuseAmbiguous } from "./registry/image-manifest.ts";
import { evidenceFrom, type MirrorParts, manifestByDigest, manifestByTag } from "./registry/mirrors.ts";
import { fetchBlob, fetchFallback, fetchManifest, fetchReferrers, type OriginParts } from "./registry/origin.ts";
import type { Resolver } from "./registry/resolvers.ts";
import type { TagHistory } from "./registry/tag-history.ts";
import { createTraffic, type Sleep, type TrafficStats } from "./registry/traffic/traffic.ts";
import { createSocketTransport, type Transport } from "./registry/transport.ts";

export interface RegistryClientOptions {
  readonly registries?: readonly RegistryHost[];
  /** Credentials beside those of `registries`: a docker configuration's. */
  readonly keyring?: Keyring;
  /** Credential helpers may run. */
  readonly helpers?: HelperOptions;
  /** For taking tags from mirrors while a registry is down. */
  readonly history?: TagHistory;
  /** Longest wait for one request, in milliseconds. */
  readonly requestDeadlineMs?: number;
  readonly clock?: Clock;
  readonly sleep?: Sleep;
  /** Sockets when left out. */
  readonly transport?: Transport;
  /** Names to addresses, for sockets: see SocketOptions. */
  readonly resolve?: Resolver;
}

/**
 * Reads a registry by the distribution API. `undefined` means the registry says it is not there (404); everything else
 * that is not a whole, well-formed answer of the right digest throws a CodedError (REGISTRY_*).
 *
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md
 */
export interface RegistryClient {
  /**
   * An image or index that a pod names; one of which it cannot be told what would run is refused.
   * @param reference  a tag or a digest; bytes are hashed here and must match a digest asked for or announced
   */
  manifest(repository: Repository, reference: string, signal: AbortSignal): Promise<Manifest | undefined>;
  /** A manifest that holds evidence, by digest or by cosign's tag. */
  attached(repository: Repository, reference: string, signal: AbortSignal): Promise<Manifest | undefined>;
  blob(
    repository: Repository,
    descriptor: Descriptor,
    limitBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /** What refers to a digest: by the referrers API, and by its fallback tag where there is no API or an empty list. */
  referrers(repository: Repository, digest: Digest, signal: AbortSignal): Promise<Listing>;
  /** Requests since the start, to all registries. */
  readonly stats: TrafficStats;
  /** The same client, its connections and its limits, with these credentials before its own: a pod's pull secrets. */
  withKeyring(keyring: Keyring): RegistryClient;
  close(): Promise<void>;
}

export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const { registries = [], clock = systemClock, history, helpers, requestDeadlineMs } = options;
  const hosts = registryHosts(registries);
  const transport = options.transport ?? createSocketTransport(hosts, options);
  const concurrency = (host: string) => hosts.settingsAt(host)?.concurrency;
  const traffic = createTraffic({ ...options, clock, concurrency });
  const deadline = requestDeadlineMs === undefined ? {} : { requestDeadlineMs };
  const http = createRegistryHttp({ hosts, transport, traffic, ...deadline });
  const auth = createRegistryAuth({ http, hosts, clock, ...(helpers === undefined ? {} : { helpers }), ...deadline });
  const parts = { hosts, http, auth, stats: traffic.stats, ...(history === undefined ? {} : { history }) };
  return clientFor(parts, joinKeyrings([configuredKeyring(registries), options.keyring ?? createKeyring([])]));
}

type ClientParts = OriginParts & MirrorParts & { readonly stats: TrafficStats };

function clientFor(parts: ClientParts, keyring: Keyring): RegistryClient {
  const visitor = (repository: Repository) => ({ repository, keyring });
  return {
    manifest: async (repository, reference, signal) => {
      const look = (at: Repository, within: AbortSignal) => fetchManifest(parts, visitor(at), reference, within);
      const found = isDigest(reference)
        ? await manifestByDigest(repository, look, parts, signal)
        : await manifestByTag(repository, reference, look, parts, signal);
      if (found !== undefined) refuseAmbiguous(found, `${formatRepository(repository)}@${found.digest}`);
      return found;
    },
    attached: async (repository, reference, signal) => {
      const look = (at: Repository, within: AbortSignal) => fetchManifest(parts, visitor(at), reference, within);
      const { value, ...from } = await evidenceFrom(repository, look, parts, signal);
      return value === undefined || isDigest(reference) ? value : { ...value, ...from };
    },
    blob: async (repository, descriptor, limitBytes, signal) => {
      const look = (at: Repository, within: AbortSignal) =>
        fetchBlob(parts, visitor(at), descriptor, limitBytes, within);
      return (await evidenceFrom(repository, look, parts, signal)).value;
    },
    referrers: async (repository, digest, signal) => {
      const look = (at: Repository, within: AbortSignal) => listReferrers(parts, visitor(at), digest, within);
      const { value, ...from } = await evidenceFrom(repository, look, parts, signal);
      return { descriptors: [], truncated: false, ...value, ...from };
    },
    stats: parts.stats,
    withKeyring: (first) => clientFor(parts, joinKeyrings([first, keyring])),
    close: () => parts.http.close(),
  };
}

/** A registry may have got its API after evidence was pushed under the tag, so an empty list is not the last word. */
async function listReferrers(
  parts: OriginParts,
  visitor: Parameters<typeof fetchReferrers>[1],
  digest: Digest,
  signal: AbortSignal,
): Promise<Listing> {
  const listed = await fetchReferrers(parts, visitor, digest, signal);
  if (listed !== undefined && listed.descriptors.length > 0) return merged(listed);
  const { unreadable = false } = listed ?? {};
  const fallback = merged(await fetchFallback(parts, visitor, digest, signal));
  return unreadable ? { ...fallback, unreadable } : fallback;
}

/** One entry a digest, however often it is listed. */
function merged({ descriptors, ...rest }: Listing): Listing {
  const once = [...new Map(descriptors.map((one) => [one.digest, one])).values()];
  return { descriptors: once.slice(0, ARTIFACTS_PER_IMAGE), ...rest };
}

/** The credentials written beside a registry's other settings. */
function configuredKeyring(registries: readonly RegistryHost[]): Keyring {
  return createKeyring(
    registries.flatMap(({ host, credentials }) => {
      const scope = parseServer(host);
      if (credentials === undefined || scope === undefined) return [];
      return [{ ...scope, credential: { kind: "basic" as const, ...credentials } }];
    }),
  );
}
