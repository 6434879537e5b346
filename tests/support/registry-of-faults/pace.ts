import type { Fault } from "../../../cli/demo/registry/reply.ts";

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms).unref());

/** The true answer, later. */
export function delay(ms: number): Fault {
  return async () => {
    await pause(ms);
    return undefined;
  };
}

/** Never answers. */
export function hang(): Fault {
  return ({ reply }) => ({ ...reply, dripHeadersMs: 60_000 });
}

/** Headers a byte at a time, without an end: a slow loris. */
export function dripHeaders(everyMs: number): Fault {
  return ({ reply }) => ({ ...reply, dripHeadersMs: everyMs });
}

/** One byte of the body, then one every so often, never finished: a slow loris of the body. */
export function dawdle(pauseMs: number): Fault {
  return ({ reply }) => ({
    ...reply,
    body: (async function* () {
      for (;;) {
        yield new Uint8Array([0x20]);
        await pause(pauseMs);
      }
    })(),
  });
}

/** Announces the whole length and closes after so many bytes. */
export function truncate(cutAfterBytes: number): Fault {
  return ({ reply }) => ({ ...reply, cutAfterBytes });
}

/** Resets the connection instead of answering. */
export function reset(): Fault {
  return ({ reply }) => ({ ...reply, reset: true });
}
