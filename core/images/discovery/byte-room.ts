import { EVIDENCE_IN_FLIGHT_BYTES, EVIDENCE_UNCOUNTED_BYTES } from "../limits.ts";

/** Memory for evidence that was read and is not verified yet, of all images together. */
export interface ByteRoom {
  /**
   * Waits in line until there is room. What is small never waits: a flood of large evidence holds up large evidence only.
   * @returns gives the room back; call it exactly once
   * @throws {Error} `signal.reason` when the wait was given up
   */
  take(bytes: number, signal: AbortSignal): Promise<() => void>;
}

export function createByteRoom(limitBytes: number = EVIDENCE_IN_FLIGHT_BYTES): ByteRoom {
  const waiting = new Set<{ readonly bytes: number; readonly enter: () => void }>();
  let left = limitBytes;
  const admit = () => {
    for (const one of waiting) {
      if (one.bytes > left) return; // first in line, first served: what is large must not starve
      waiting.delete(one);
      one.enter();
    }
  };
  const held = (bytes: number) => {
    left -= bytes;
    return () => {
      left += bytes;
      admit();
    };
  };
  const wait = (bytes: number, signal: AbortSignal) =>
    new Promise<() => void>((resolve, reject) => {
      const one = {
        bytes,
        enter: () => {
          signal.removeEventListener("abort", leave);
          resolve(held(bytes));
        },
      };
      const leave = () => {
        waiting.delete(one);
        reject(signal.reason);
        admit();
      };
      waiting.add(one);
      signal.addEventListener("abort", leave, { once: true });
    });
  return {
    take: async (wanted, signal) => {
      if (wanted <= EVIDENCE_UNCOUNTED_BYTES) return () => {};
      signal.throwIfAborted();
      const bytes = Math.min(wanted, limitBytes);
      return waiting.size === 0 && bytes <= left ? held(bytes) : wait(bytes, signal);
    },
  };
}
