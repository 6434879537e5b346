import type { OtlpSignal } from "../../core/wire/otlp/otlp.ts";

/** Telemetry items of one request: received = accepted + rejected, always. */
export interface Tally {
  readonly signal: OtlpSignal;
  readonly accepted: number;
  readonly rejected: Readonly<Record<string, number>>;
}

export function rejectedCount({ rejected }: Tally): number {
  return Object.values(rejected).reduce((sum, count) => sum + count, 0);
}

/** The collector's balance of what came in. */
export class Balance {
  readonly received = new Map<OtlpSignal, number>();
  readonly accepted = new Map<OtlpSignal, number>();
  /** By "signal reason". */
  readonly rejected = new Map<string, number>();

  add(tally: Tally): void {
    add(this.received, tally.signal, tally.accepted + rejectedCount(tally));
    add(this.accepted, tally.signal, tally.accepted);
    for (const [reason, count] of Object.entries(tally.rejected))
      add(this.rejected, `${tally.signal} ${reason}`, count);
  }
}

function add<K>(to: Map<K, number>, key: K, count: number): void {
  to.set(key, (to.get(key) ?? 0) + count);
}
