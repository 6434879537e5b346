import { SECOND_MS } from "../../core/base/clock.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { watchObjects } from "../../core/cluster/api-server/watch-objects.ts";
import type { Digest } from "../../core/policy/evidence.ts";
import { PATHS } from "./paths.ts";

/** Most pods whose digests are kept; in a larger cluster no digest has the grace of one that runs. */
export const RUNNING_PODS_LIMIT = 50_000;
/** The sets by namespace are made anew at most this often. */
export const RUNNING_SETTLE_MS = SECOND_MS;

const LIST = `${PATHS.pods}?fieldSelector=${encodeURIComponent("status.phase=Running")}`;
const STATUSES = ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"] as const;

interface PodStatus {
  readonly status?: {
    readonly [Statuses in (typeof STATUSES)[number]]?: readonly {
      readonly imageID?: string;
      readonly state?: { readonly running?: object };
    }[];
  };
}

interface RunningPod {
  readonly namespace: string;
  readonly digests: readonly Digest[];
}

/** Digests that run in a namespace now, as the nodes report them. */
export interface RunningDigests extends Closable {
  of(namespace: string): ReadonlySet<Digest>;
  /** Whether pods can be watched now. */
  isUp(): boolean;
}

const NONE: ReadonlySet<Digest> = new Set();

export function watchRunning(api: ApiServer, onError: (error: Error) => void): RunningDigests {
  let stale = true;
  let [sets, madeMs] = [new Map<string, Set<Digest>>(), Number.NEGATIVE_INFINITY];
  const watched = watchObjects<RunningPod>(api, {
    path: LIST,
    limit: RUNNING_PODS_LIMIT,
    take: runningPod,
    onChange: () => {
      stale = true;
    },
    onError,
  });
  return {
    of: (namespace) => {
      if (stale && performance.now() - madeMs >= RUNNING_SETTLE_MS) {
        [sets, madeMs, stale] = [byNamespace(watched.current().values()), performance.now(), false];
      }
      return sets.get(namespace) ?? NONE;
    },
    isUp: () => watched.lastError() === undefined,
    close: watched.close,
  };
}

function runningPod(object: ApiObject): RunningPod | undefined {
  const { status } = object as ApiObject & PodStatus;
  const running = STATUSES.flatMap((list) => status?.[list] ?? []).filter(({ state }) => state?.running !== undefined);
  const digests = running.flatMap(({ imageID }) => digestOf(imageID));
  return digests.length === 0 ? undefined : { namespace: object.metadata.namespace ?? "", digests };
}

/** "docker-pullable://ghcr.io/a/b@sha256:…". Without a repository it is the id of a configuration, which nobody pulls by. */
function digestOf(imageId = ""): Digest[] {
  const digest = /@(sha256:[0-9a-f]{64})$/.exec(imageId)?.[1];
  return digest === undefined ? [] : [digest as Digest];
}

function byNamespace(pods: Iterable<RunningPod>): Map<string, Set<Digest>> {
  const sets = new Map<string, Set<Digest>>();
  for (const { namespace, digests } of pods) {
    const set = sets.get(namespace) ?? new Set();
    for (const digest of digests) set.add(digest);
    sets.set(namespace, set);
  }
  return sets;
}
