import type { Clock } from "../core/base/clock.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import type { Log } from "../core/base/log.ts";
import type { Tracing } from "../core/base/tracing.ts";
import type { OutriderEvent } from "../core/events/event.ts";
import type { MeshConfig } from "./config.ts";
import type { Meters } from "./meters.ts";

/** What every part of the mesh is given. */
export interface MeshSetting {
  /** Paths are absolute. */
  readonly config: MeshConfig;
  readonly log: Log;
  readonly clock: Clock;
  readonly meters: Meters;
  readonly emit: (event: OutriderEvent) => void;
  readonly tracing: Tracing;
  /** Takes each thing that must be closed, in the order it was opened. */
  readonly opened: (closable: Closable) => void;
}
