import { MINUTE_MS } from "../core/base/clock.ts";
import type { Resource } from "../core/wire/otlp-model.ts";
import type { InstanceView } from "./overview.ts";

/** Most instances remembered; the longest silent go first. */
export const INSTANCE_LIMIT = 2_000;
/** A lost or stopped instance stays visible for so long, in milliseconds. */
export const GONE_SHOWN_MS = 60 * MINUTE_MS;

interface Instance {
  readonly component: string;
  readonly instance: string;
  readonly namespace: string;
  readonly service: string;
  lastSeenMs: number;
  stopped: boolean;
}

/** Who is running: every sender that says which component it is. */
export class Instances {
  readonly #instances = new Map<string, Instance>();
  readonly #timeoutMs: number;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Anything heard from a component is a sign of life. */
  seen(resource: Resource, nowMs: number): void {
    const instance = this.#instance(resource);
    if (instance === undefined) return;
    instance.lastSeenMs = nowMs;
    instance.stopped = false;
  }

  /** It said goodbye. */
  stopping(resource: Resource, nowMs: number): void {
    const instance = this.#instance(resource);
    if (instance === undefined) return;
    instance.lastSeenMs = nowMs;
    instance.stopped = true;
  }

  views(nowMs: number): InstanceView[] {
    const all = [...this.#instances.values()].filter((i) => !this.#isGone(i, nowMs));
    return all
      .map(({ stopped, ...rest }) => ({ ...rest, state: this.#stateOf(rest.lastSeenMs, stopped, nowMs) }))
      .toSorted((a, b) => a.component.localeCompare(b.component) || a.service.localeCompare(b.service));
  }

  #stateOf(lastSeenMs: number, stopped: boolean, nowMs: number): InstanceView["state"] {
    if (stopped) return "stopped";
    return nowMs - lastSeenMs > this.#timeoutMs ? "lost" : "up";
  }

  #isGone(instance: Instance, nowMs: number): boolean {
    return nowMs - instance.lastSeenMs > Math.max(GONE_SHOWN_MS, this.#timeoutMs);
  }

  #instance(resource: Resource): Instance | undefined {
    const component = resource["outrider.component"];
    const id = resource["service.instance.id"];
    if (component === undefined || id === undefined) return undefined;
    const key = `${component}\u0000${id}`;
    const known = this.#instances.get(key);
    if (known !== undefined) return known;
    if (this.#instances.size >= INSTANCE_LIMIT) this.#forgetLongestSilent();
    const made = instanceOf(String(component), String(id), resource);
    this.#instances.set(key, made);
    return made;
  }

  #forgetLongestSilent(): void {
    const [longest] = [...this.#instances].toSorted(([, a], [, b]) => a.lastSeenMs - b.lastSeenMs);
    if (longest !== undefined) this.#instances.delete(longest[0]);
  }
}

function instanceOf(component: string, id: string, resource: Resource): Instance {
  return {
    component,
    instance: String(resource["k8s.pod.name"] ?? id),
    namespace: String(resource["service.namespace"] ?? ""),
    service: String(resource["service.name"] ?? ""),
    lastSeenMs: 0,
    stopped: false,
  };
}
