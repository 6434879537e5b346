import type { OutriderEvent } from "../core/events/event.ts";
import type { Instance } from "./instances.ts";
import { shortDuration } from "./short-duration.ts";

/** Nothing was heard for longer than the timeout, and it had not said goodbye. */
export function goneSilent(instance: Instance, nowMs: number): OutriderEvent {
  const message = `${instance.instance} fell silent: nothing heard for ${silence(instance, nowMs)}`;
  return eventOf(instance, nowMs, { outcome: "lost", severity: "error", message });
}

export function returned(instance: Instance, nowMs: number): OutriderEvent {
  const message = `${instance.instance} is heard again after ${silence(instance, nowMs)} of silence`;
  return eventOf(instance, nowMs, { outcome: "returned", severity: "info", message });
}

/** The rest of a loss that is larger than one instance: a partition, or a node. */
export function manyGoneSilent(count: number, nowMs: number): OutriderEvent {
  const what = { kind: "lifecycle", outcome: "lost", severity: "error", from: "collector", attributes: {} } as const;
  const instances = `${count} more ${count === 1 ? "instance" : "instances"}`;
  return { ...what, atMs: nowMs, subject: instances, message: `${instances} fell silent at the same time` };
}

function eventOf(
  { component, namespace, service, id, instance }: Instance,
  atMs: number,
  what: Pick<OutriderEvent, "outcome" | "severity" | "message">,
): OutriderEvent {
  const path = [namespace, service].filter((part) => part !== "" && part !== component).join("/");
  return {
    kind: "lifecycle",
    atMs,
    from: "collector",
    subject: path === "" ? component : `${component} ${path}`,
    namespace,
    service,
    ...what,
    attributes: { component, instance, uid: id },
  };
}

function silence({ lastSeenMs }: Instance, nowMs: number): string {
  return shortDuration(Math.max(0, nowMs - lastSeenMs));
}
