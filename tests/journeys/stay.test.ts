import { describe, expect, it } from "@jest/globals";
import type { InstanceView, Overview } from "../../collector/overview.ts";
import { startDemo } from "../support/demo.ts";
import { childrenOf, leftOvers } from "../support/left-overs.ts";

const STAY_MS = 120_000;
/** Longest wait for a loss to show on the page's model, and for the part to rejoin, in milliseconds. */
const SEEN_MS = 25_000;

async function eventually(check: () => Promise<boolean> | boolean): Promise<boolean> {
  const end = Date.now() + SEEN_MS;
  while (Date.now() < end) {
    if (await Promise.resolve(check()).catch(() => false)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

/** A demo that stays up, with what its page shows. */
function standingDemo() {
  const { child, collect, line } = startDemo("--stay");
  const pidOf = async (name: string) => Number((await line(new RegExp(`processes .*${name} (\\d+)`)))[1]);
  const page = line(/page\s+(http:\S+)/).then((match) => match[1] as string);
  const overview = async (): Promise<Overview> => {
    const answer = await fetch(`${await page}api/v1/overview`);
    return (await answer.json()) as Overview;
  };
  return { child, collect, line, pidOf, overview };
}

describe("while the demo stays up", () => {
  it(
    "a sidecar and the webhook are killed: the others go on, the loss shows, both are restarted and rejoin",
    async () => {
      const { child, collect, line, pidOf, overview } = standingDemo();
      const isSidecar = (i: InstanceView) => i.component === "sidecar" && i.service === "payments";
      const isWebhook = (i: InstanceView) => i.component === "admission";
      const seen = async (is: (i: InstanceView) => boolean, state: string) =>
        (await overview()).instances.some((i) => is(i) && i.state === state);
      const requestsToWeb = async () => (await overview()).edges.find((edge) => edge.server === "web")?.requests ?? 0;
      try {
        for (const name of ["sidecar-payments", "admission"]) process.kill(await pidOf(name), "SIGKILL");
        const before = await requestsToWeb();
        expect(await eventually(() => seen(isSidecar, "lost"))).toBe(true);
        expect(await eventually(() => seen(isWebhook, "lost"))).toBe(true);
        expect(await eventually(async () => (await requestsToWeb()) > before)).toBe(true);
        await line(/sidecar-payments restarted/);
        await line(/admission restarted/);
        expect(await eventually(() => seen(isSidecar, "up"))).toBe(true);
        expect(await eventually(() => seen(isWebhook, "up"))).toBe(true);
        const outcomes = (await overview()).events.filter((e) => e.kind === "lifecycle").map((e) => e.outcome);
        expect(outcomes).toEqual(expect.arrayContaining(["lost", "returned"]));
      } finally {
        child.kill("SIGINT");
      }
      expect((await collect).code).toBe(0);
      expect(leftOvers(child.pid ?? 0)).toEqual([]);
    },
    STAY_MS,
  );

  it(
    "the demo itself is killed: every process it started ends by itself",
    async () => {
      const { child, collect, pidOf } = standingDemo();
      await pidOf("admission");
      child.kill("SIGKILL");
      await collect;
      expect(await eventually(() => childrenOf(`outrider-demo-${child.pid}-`).length === 0)).toBe(true);
    },
    STAY_MS,
  );
});
