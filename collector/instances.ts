import { MINUTE_MS, SECOND_MS } from "../core/base/clock.ts";
import type { OutriderEvent } from "../core/events/event.ts";
import type { Resource } from "../core/wire/otlp/model.ts";
import { keptText } from "./kept-text.ts";
import { goneSilent, manyGoneSilent, returned } from "./lifecycle-events.ts";
import type { InstanceView } from "./overview.ts";

/** Most instances remembered; the longest silent go first. */
export const INSTANCE_LIMIT = 2_000;
/** A lost or stopped instance stays visible for so long, in milliseconds. */
export const GONE_SHOWN_MS = 60 * MINUTE_MS;
/** Longest name shown of an instance, in UTF-16 units; longer ones are cut. */
export const INSTANCE_NAME_LIMIT = 256;
/** Losses told one by one per look; of more at once the rest is one event, so that they leave room for others. */
export const LOSSES_TOLD_LIMIT = 20;
/** A look later than the timeout, and than this, means that the collector was not listening, in milliseconds. */
export const NOT_LISTENING_MS = SECOND_MS;

export interface Instance {
  readonly component: string;
  /** Its pod's name, or its id. */
  readonly instance: string;
  readonly id: string;
  readonly namespace: string;
  readonly service: string;
  lastSeenMs: number;
  stopped: boolean;
  /** Its loss has been told. */
  lost: boolean;
}

/**
 * Who is running: every sender that says which component it is. `watch`, called every third of the timeout or more
 * often, tells who fell silent and who is back. Only time in which the collector listened counts as silence: after
 * its own restart, a suspended machine or a clock that jumped, everybody gets the whole timeout again.
 */
export class Instances {
  /** The longest silent first. */
  readonly #instances = new Map<string, Instance>();
  readonly #timeoutMs: number;
  #back: OutriderEvent[] = [];
  #listeningSinceMs = Number.NEGATIVE_INFINITY;
  #watchedMs = Number.NEGATIVE_INFINITY;

  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Anything heard from a component is a sign of life. */
  seen(resource: Resource, nowMs: number): void {
    const instance = this.#touch(resource, nowMs);
    if (instance === undefined) return;
    instance.stopped = false;
  }

  /** It said goodbye. */
  stopping(resource: Resource, nowMs: number): void {
    const instance = this.#touch(resource, nowMs);
    if (instance === undefined) return;
    instance.stopped = true;
  }

  /** Silence counts from now on: telemetry could not be heard before. */
  listen(nowMs: number): void {
    this.#listeningSinceMs = nowMs;
    this.#watchedMs = nowMs;
    for (const instance of this.#instances.values()) instance.lastSeenMs = Math.min(instance.lastSeenMs, nowMs);
  }

  /** @returns an event for everyone lost or back since the last look; each loss and each return is told once */
  watch(nowMs: number): OutriderEvent[] {
    if (Math.abs(nowMs - this.#watchedMs) > Math.max(this.#timeoutMs, NOT_LISTENING_MS)) this.listen(nowMs);
    this.#watchedMs = nowMs;
    const lost = [...this.#instances.values()].filter((one) => !one.lost && this.#isSilent(one, nowMs));
    for (const instance of lost) instance.lost = true;
    const told = lost.slice(0, LOSSES_TOLD_LIMIT).map((one) => goneSilent(one, nowMs));
    const rest = lost.length - told.length;
    const back = this.#back;
    this.#back = [];
    return [...back, ...told, ...(rest > 0 ? [manyGoneSilent(rest, nowMs)] : [])];
  }

  views(nowMs: number): InstanceView[] {
    const all = [...this.#instances.values()].filter((one) => !this.#isGone(one, nowMs));
    return all
      .map((one) => this.#view(one, nowMs))
      .toSorted((a, b) => a.component.localeCompare(b.component) || a.service.localeCompare(b.service));
  }

  snapshot(): Instance[] {
    return [...this.#instances.values()];
  }

  restore(instances: readonly Instance[]): void {
    for (const instance of instances) this.#instances.set(keyOf(instance.component, instance.id), { ...instance });
  }

  /** Whose loss has been told and who has not come back; after a restart it is not told again. */
  lostKeys(): string[] {
    return [...this.#instances].filter(([, { lost }]) => lost).map(([key]) => key);
  }

  /** Puts back what `lostKeys` returned; returns until then have been told. */
  restoreLost(keys: readonly string[]): void {
    const lost = new Set(keys);
    for (const [key, instance] of this.#instances) instance.lost = lost.has(key);
    this.#back = [];
  }

  #view({ component, instance, namespace, service, ...one }: Instance, nowMs: number): InstanceView {
    const state = one.stopped ? "stopped" : one.lost || this.#isSilent(one, nowMs) ? "lost" : "up";
    return { component, instance, namespace, service, lastSeenMs: one.lastSeenMs, state };
  }

  #isSilent({ stopped, lastSeenMs }: Pick<Instance, "stopped" | "lastSeenMs">, nowMs: number): boolean {
    return !stopped && nowMs - Math.max(lastSeenMs, this.#listeningSinceMs) > this.#timeoutMs;
  }

  #isGone(instance: Instance, nowMs: number): boolean {
    return nowMs - instance.lastSeenMs > Math.max(GONE_SHOWN_MS, this.#timeoutMs);
  }

  #touch(resource: Resource, nowMs: number): Instance | undefined {
    const { "outrider.component": component, "service.instance.id": id } = resource;
    if (component === undefined || id === undefined) return undefined;
    const key = keyOf(cut(component), cut(id));
    const instance = this.#instances.get(key) ?? this.#enrol(cut(component), cut(id), resource);
    if (instance.lost) this.#back.push(returned(instance, nowMs));
    Object.assign(instance, { lost: false, lastSeenMs: nowMs });
    this.#instances.delete(key);
    this.#instances.set(key, instance);
    return instance;
  }

  #enrol(component: string, id: string, resource: Resource): Instance {
    const [longestSilent] = this.#instances.keys();
    if (this.#instances.size >= INSTANCE_LIMIT && longestSilent !== undefined) this.#instances.delete(longestSilent);
    const namespace = cut(resource["service.namespace"] ?? "");
    const service = cut(resource["service.name"] ?? "");
    const names = { component, instance: cut(resource["k8s.pod.name"] ?? id), id, namespace, service };
    return { ...names, lastSeenMs: 0, stopped: false, lost: false };
  }
}

function keyOf(component: string, id: string): string {
  return `${component}\u0000${id}`;
}

function cut(value: unknown): string {
  return keptText(value, INSTANCE_NAME_LIMIT);
}
