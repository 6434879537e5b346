import { type Clock, systemClock } from "../core/base/clock.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import type { Log } from "../core/base/log.ts";
import { NO_TRACING, startTracingLater } from "../core/base/tracing.ts";
import { createEventSink } from "../core/events/sink.ts";
import { openAdminDoor } from "./admin-door.ts";
import { openAuthority, openIdentityPlane } from "./certificates/identity-plane.ts";
import type { ReviewedPod } from "./certificates/token-review.ts";
import type { MeshConfig } from "./config.ts";
import { createMeters } from "./meters.ts";
import type { MeshSetting } from "./setting.ts";
import { openSnapshotPlane, type SnapshotPlane } from "./snapshots/snapshot-plane.ts";

export interface MeshOptions {
  /** Paths are absolute. */
  readonly config: MeshConfig;
  readonly log: Log;
  /** Takes each thing that must be closed, in the order it was opened. */
  readonly opened: (closable: Closable) => void;
  readonly clock?: Clock;
}

/**
 * The control plane, in the order its parts need each other. Certificates name only pods the snapshots hold.
 *
 * @returns addresses by name: ca, snapshots, admin
 * @throws {CodedError} when any part cannot start
 */
export async function startMesh(options: MeshOptions): Promise<Readonly<Record<string, string>>> {
  const setting = settingOf(options);
  const identities = openIdentityPlane(setting);
  const snapshots = await openSnapshotPlane(setting, identities.identity);
  const ca = await openAuthority(setting, identities, (pod) => holdsPod(snapshots, pod));
  setting.meters.watch({ sidecars: snapshots.sidecars, anchorEndMs: identities.authority.signingRootNotAfterMs });
  const admin = await openAdminDoor({
    ...snapshots,
    listen: setting.config.admin.listen,
    meters: setting.meters,
    rotateRoot: identities.rotateRoot,
  });
  setting.opened(admin);
  return { ca, snapshots: snapshots.address, admin: admin.address };
}

function settingOf({ config, log, opened, clock = systemClock }: MeshOptions): MeshSetting {
  const meters = createMeters(clock);
  if (config.collector === undefined)
    return { config, log, opened, clock, meters, tracing: NO_TRACING, emit: () => {} };
  const instance = `mesh-${config.snapshots.listen.host}:${config.snapshots.listen.port}`;
  const resource = { "service.name": "outrider-mesh", "outrider.component": "mesh", "service.instance.id": instance };
  const events = createEventSink({ url: config.collector, resource, log, clock });
  opened(events);
  const tracing = startTracingLater({ component: "mesh", instance, url: config.collector });
  opened(tracing);
  return { config, log, opened, clock, meters, tracing, emit: (event) => events.emit(event) };
}

function holdsPod(snapshots: SnapshotPlane, pod: ReviewedPod): boolean {
  const workload = snapshots.snapshotOf(pod.podUid)?.workload;
  return (
    workload?.namespace === pod.namespace && workload.pod === pod.pod && workload.serviceAccount === pod.serviceAccount
  );
}
