import { getHeapStatistics } from "node:v8";

/** Share of the heap limit beyond which requests are refused, a ratio. */
export const HEAP_PRESSURE_RATIO = 0.85;
/** The heap is looked at this often at most, in milliseconds. */
export const PRESSURE_SAMPLE_MS = 250;

/** More than HEAP_PRESSURE_RATIO of the heap's limit is in use. */
export function isHeapNearlyFull(): boolean {
  const { used_heap_size: used, heap_size_limit: limit } = getHeapStatistics();
  return used / limit > HEAP_PRESSURE_RATIO;
}

/** Says whether there is memory for another request. */
export function createPressureGauge(nowMs: () => number = () => performance.now()): () => boolean {
  let sampledAtMs = Number.NEGATIVE_INFINITY;
  let under = false;
  return () => {
    const now = nowMs();
    if (now - sampledAtMs < PRESSURE_SAMPLE_MS) return under;
    sampledAtMs = now;
    under = isHeapNearlyFull();
    return under;
  };
}
