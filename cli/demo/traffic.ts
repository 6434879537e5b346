import { pause } from "./client.ts";

/** Something that goes on beside the demo until it is stopped. */
export interface Traffic {
  /** Resolves when the last wave has ended. */
  stop(): Promise<void>;
}

/** Wave after wave, until stopped; a wave that fails does not end it. */
export function startTraffic(wave: () => Promise<unknown>, pauseMs: number): Traffic {
  let on = true;
  const running = (async () => {
    while (on) {
      await wave().catch(() => {});
      await pause(pauseMs);
    }
  })();
  return {
    stop: async () => {
      on = false;
      await running;
    },
  };
}
