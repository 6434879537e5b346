import { EVENT_ATTRIBUTE_LIMIT, EVENT_VALUE_LIMIT, type EventKind, type OutriderEvent } from "../core/events/event.ts";
import { keptText, newestWithin, sizeOf } from "./kept-text.ts";
import type { EventView } from "./overview.ts";

/** Recent events kept; the oldest go first. */
export const EVENT_LIMIT = 2_000;
/** What all of them may hold, in UTF-16 units; the oldest go first. */
export const EVENT_LOG_SIZE = 16 * 1024 * 1024;
/** Longest name in an event (subject, outcome, id …), in UTF-16 units; longer ones are cut. */
export const EVENT_NAME_LIMIT = 256;
/** Ids remembered so that an event sent twice is kept once. */
export const EVENT_ID_LIMIT = 20_000;
/** Different kind and outcome pairs counted apart; the rest count as outcome "other". */
export const OUTCOME_LIMIT = 200;

export interface EventCount {
  readonly kind: string;
  readonly outcome: string;
  count: number;
}

export interface EventLogSnapshot {
  readonly events: readonly EventView[];
  readonly counts: readonly EventCount[];
  readonly ids: readonly string[];
}

/** The event stream's recent end. */
export class EventLog {
  #events: EventView[] = [];
  #size = 0;
  readonly #ids = new Set<string>();
  readonly #counts = new Map<string, EventCount>();

  /** @param id  empty for an event that cannot come twice. @returns false when it was here before */
  add(event: OutriderEvent, id: string): boolean {
    const kept = keptText(id, EVENT_NAME_LIMIT);
    if (kept !== "" && this.#ids.has(kept)) return false;
    if (kept !== "") this.#remember(kept);
    this.#keep(viewOf(event));
    return true;
  }

  /** Newest first; without those that would make the list larger than `size`. */
  newest(count: number, size = EVENT_LOG_SIZE): EventView[] {
    return newestWithin(this.#events, count, size);
  }

  /** The newest of a kind that concerns a service, or the whole cluster. */
  latest(kind: EventKind, service: string): EventView | undefined {
    return this.#events.findLast((event) => event.kind === kind && (event.service === service || event.service === ""));
  }

  get counts(): readonly EventCount[] {
    return [...this.#counts.values()];
  }

  snapshot(): EventLogSnapshot {
    return { events: this.#events, counts: this.counts, ids: [...this.#ids] };
  }

  restore({ events, counts, ids }: EventLogSnapshot): void {
    this.#events = [...events];
    this.#size = events.reduce((sum, event) => sum + sizeOf(event), 0);
    for (const id of ids) this.#ids.add(id);
    for (const count of counts) this.#counts.set(`${count.kind} ${count.outcome}`, { ...count });
  }

  #keep(view: EventView): void {
    this.#count(view.kind, view.outcome);
    this.#events.push(view);
    this.#size += sizeOf(view);
    while (this.#events.length > EVENT_LIMIT || this.#size > EVENT_LOG_SIZE) {
      this.#size -= sizeOf(this.#events.shift() as EventView);
    }
  }

  #remember(id: string): void {
    const [oldest] = this.#ids;
    if (this.#ids.size >= EVENT_ID_LIMIT && oldest !== undefined) this.#ids.delete(oldest);
    this.#ids.add(id);
  }

  #count(kind: string, outcome: string): void {
    const full = this.#counts.size >= OUTCOME_LIMIT && !this.#counts.has(`${kind} ${outcome}`);
    const counted = full ? "other" : outcome;
    const known = this.#counts.get(`${kind} ${counted}`);
    if (known !== undefined) known.count++;
    else this.#counts.set(`${kind} ${counted}`, { kind, outcome: counted, count: 1 });
  }
}

function viewOf(event: OutriderEvent): EventView {
  const name = (value: string | undefined): string => keptText(value ?? "", EVENT_NAME_LIMIT);
  const facts = Object.entries(event.attributes).slice(0, EVENT_ATTRIBUTE_LIMIT);
  return {
    kind: event.kind,
    atMs: event.atMs,
    from: name(event.from),
    subject: name(event.subject),
    outcome: name(event.outcome),
    message: keptText(event.message, EVENT_VALUE_LIMIT),
    namespace: name(event.namespace),
    service: name(event.service),
    severity: event.severity,
    attributes: Object.fromEntries(facts.map(([key, value]) => [name(key), keptText(value, EVENT_VALUE_LIMIT)])),
  };
}
