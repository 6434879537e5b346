import { asError } from "../../core/base/errors.ts";
import { type ClusterObjects, NO_OBJECTS } from "../../core/cluster/objects.ts";
import { watchFolder } from "../../core/cluster/watch-folder.ts";
import type { SvidSource } from "../../core/identity/svid.ts";
import type { Snapshot } from "../../core/policy/snapshot.ts";
import type { MeshSetting } from "../setting.ts";
import { changesBetween } from "./changes.ts";
import { compile } from "./compile.ts";
import { openSnapshotServer } from "./snapshot-server.ts";
import type { SidecarState } from "./snapshot-stream.ts";

/** From the cluster's objects to connected sidecars. */
export interface SnapshotPlane {
  readonly address: string;
  snapshotOf(podUid: string): Snapshot | undefined;
  sidecars(): readonly SidecarState[];
  /** Why the newest objects are not in force; empty when they are. */
  problems(): readonly string[];
}

/** What the path below needs from its surroundings. */
interface ChangeSteps {
  readonly publish: (snapshots: ReadonlyMap<string, Snapshot>) => void;
  readonly announce: (before: ClusterObjects, after: ClusterObjects) => void;
}

/**
 * The path of every change of the cluster, top to bottom. A fault in any step keeps the last good snapshots.
 *
 *   compile    objects → one snapshot per workload
 *   publish    to each connected sidecar whose own version changed
 *   announce   policy changes and deploys, to the collector
 */
function applyChange(
  objects: ClusterObjects,
  before: ClusterObjects,
  { config, meters }: MeshSetting,
  steps: ChangeSteps,
) {
  const snapshots = compile(objects, config);
  meters.compiled(snapshots.size);
  steps.publish(snapshots);
  steps.announce(before, objects);
  return snapshots;
}

/** @throws {CodedError} CLUSTER_FOLDER, CONFIG_INVALID, NET_CIDR_INVALID on the first read; PORT_IN_USE */
export async function openSnapshotPlane(setting: MeshSetting, identity: SvidSource): Promise<SnapshotPlane> {
  const { config, log, clock, meters, emit } = setting;
  const { trustDomain, cluster } = config;
  const listen = config.snapshots.listen;
  const server = await openSnapshotServer({ listen, trustDomain, identity, log, clock, onAnswer: meters.answered });
  setting.opened(server);
  const announce = (before: ClusterObjects, after: ClusterObjects) =>
    changesBetween(before, after, clock()).forEach(emit);
  let fault: Error | undefined;
  const onChange = (objects: ClusterObjects, before: ClusterObjects) => {
    try {
      snapshots = applyChange(objects, before, setting, { publish: server.publish, announce });
      fault = undefined;
    } catch (thrown) {
      fault = asError(thrown);
      log.error({ err: fault }, "cluster objects do not compile; the last good snapshots stay");
    }
  };
  const onError = (err: Error) => log.error({ err }, "cluster folder not readable; the last good model stays");
  const watch = watchFolder(cluster.folder, { relistIntervalMs: cluster.relistInterval, onError }, onChange);
  setting.opened(watch);
  let snapshots = applyChange(watch.current(), NO_OBJECTS, setting, { publish: server.publish, announce: () => {} });
  return {
    address: server.address,
    snapshotOf: (podUid) => snapshots.get(podUid),
    sidecars: server.sidecars,
    problems: () => [fault, watch.lastError()].flatMap((error) => error?.message ?? []),
  };
}
