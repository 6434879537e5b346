import type { EventKind, OutriderEvent } from "../core/events/event.ts";
import type { EventView } from "./overview.ts";

/** Recent events kept; the oldest go first. */
export const EVENT_LIMIT = 2_000;
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
  readonly #ids = new Set<string>();
  readonly #counts = new Map<string, EventCount>();

  /** @param id  empty for an event that cannot come twice. @returns false when it was here before */
  add(event: OutriderEvent, id: string): boolean {
    if (id !== "" && this.#ids.has(id)) return false;
    if (id !== "") this.#remember(id);
    this.#count(event.kind, event.outcome);
    this.#events.push(viewOf(event));
    if (this.#events.length > EVENT_LIMIT) this.#events.splice(0, this.#events.length - EVENT_LIMIT);
    return true;
  }

  /** Newest first. */
  newest(count: number): EventView[] {
    return this.#events.slice(-count).toReversed();
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
    for (const id of ids) this.#ids.add(id);
    for (const count of counts) this.#counts.set(`${count.kind} ${count.outcome}`, { ...count });
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

function viewOf({
  kind,
  atMs,
  from,
  subject,
  outcome,
  message,
  namespace,
  service,
  severity,
  attributes,
}: OutriderEvent): EventView {
  const where = { namespace: namespace ?? "", service: service ?? "" };
  return { kind, atMs, from, subject, outcome, message, ...where, severity, attributes };
}
