import type { Closable } from "../../core/base/lifecycle.ts";
import type { ProbeTable } from "../../core/wire/probe-table.ts";
import { makeProbe } from "./probe.ts";
import type { Application, Probed } from "./probed.ts";

/** Makes the probes of a table, and no others. */
export interface Prober extends Closable {
  /** `undefined` when the table has no such key. Asked again while it runs, it answers with the same outcome. */
  probe(key: string): Promise<Probed> | undefined;
}

/**
 * One probe of each key runs at a time, whoever asks how often: a stranger who finds the port can cost the application
 * no more than one request at a time for each of its own probes.
 */
export function createProber(table: ProbeTable, app: Application): Prober {
  const targets = new Map(Object.entries(table));
  const running = new Map<string, Promise<Probed>>();
  const closing = new AbortController();
  return {
    probe: (key) => {
      const target = targets.get(key);
      if (target === undefined) return undefined;
      const present = running.get(key);
      if (present !== undefined) return present;
      const started = makeProbe(target, app, closing.signal).finally(() => running.delete(key));
      running.set(key, started);
      return started;
    },
    close: () => closing.abort(),
  };
}
