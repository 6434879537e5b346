import type { Log } from "../core/base/log.ts";
import type { Balancer } from "./balance.ts";
import type { Connections } from "./connections/connections.ts";
import type { Snapshots } from "./control/snapshots.ts";
import type { Sweeper } from "./http/sweeper.ts";
import type { Identity } from "./identity/identity.ts";
import type { AccessLog } from "./telemetry/access-log.ts";
import type { Telemetry } from "./telemetry/telemetry.ts";
import type { Pool } from "./upstream/pool.ts";

/** What the steps of both paths share. */
export interface Parts {
  readonly snapshots: Snapshots;
  readonly identity: Identity;
  readonly telemetry: Telemetry;
  readonly sweeper: Sweeper;
  readonly balancer: Balancer;
  /** Open connections into both listeners. */
  readonly connections: Connections;
  /** Upstream connections to peers' sidecars. */
  readonly links: Pool;
  /** Upstream connections to our own application. */
  readonly apps: Pool;
  readonly accessLog: AccessLog;
  readonly log: Log;
  /** The address connections to peers come from: what their ipBlock rules see. */
  readonly podIp: string;
}
