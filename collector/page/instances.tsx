import type { JSX } from "preact";
import type { InstanceView } from "../overview.ts";
import { ago, clock } from "./format.ts";
import { Empty } from "./panel.tsx";

const STATE_ORDER: readonly InstanceView["state"][] = ["lost", "up", "stopped"];
const MARK = { up: "●", lost: "✕", stopped: "○" } as const;

/** Every running part; the lost ones on top. */
export function Instances({
  instances,
  nowMs,
}: {
  readonly instances: readonly InstanceView[];
  readonly nowMs: number;
}): JSX.Element {
  if (instances.length === 0) return <Empty>No part of Outrider has reported yet.</Empty>;
  return (
    <ul class="instances">
      {instances.toSorted(lostFirst).map((one) => (
        <li
          key={`${one.component} ${one.instance}`}
          class={`instance instance-${one.state}`}
          data-testid="instance"
          data-state={one.state}
          data-component={one.component}
        >
          <span class="instance-mark" aria-hidden="true">
            {MARK[one.state]}
          </span>
          <span class="truncate" title={`${one.component} ${one.namespace}/${one.service} ${one.instance}`}>
            <strong>{one.component === "sidecar" ? one.service || one.instance : one.component}</strong>{" "}
            <span class="muted small">{one.component === "sidecar" ? `sidecar · ${one.instance}` : one.instance}</span>
          </span>
          <span class="small instance-state" title={clock(one.lastSeenMs)}>
            {one.state === "up" ? "up" : `${one.state}, seen ${ago(one.lastSeenMs, nowMs)}`}
          </span>
        </li>
      ))}
    </ul>
  );
}

function lostFirst(a: InstanceView, b: InstanceView): number {
  return (
    STATE_ORDER.indexOf(a.state) - STATE_ORDER.indexOf(b.state) ||
    b.component.localeCompare(a.component) ||
    a.service.localeCompare(b.service) ||
    a.instance.localeCompare(b.instance)
  );
}
