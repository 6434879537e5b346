import { describe, expect, it } from "@jest/globals";
import type { Overview } from "../../collector/overview.ts";
import { startDemo } from "../support/demo.ts";

const STAY_MS = 120_000;
/** Longest wait for a loss to show on the page's model, and for the part to rejoin, in milliseconds. */
const SEEN_MS = 15_000;

async function until(check: () => Promise<boolean>, deadlineMs = SEEN_MS): Promise<boolean> {
  const end = Date.now() + deadlineMs;
  while (Date.now() < end) {
    if (await check().catch(() => false)) return true;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return false;
}

describe("while the demo stays up", () => {
  it(
    "a sidecar and the webhook are killed: the others go on, the loss shows, both are restarted and rejoin",
    async () => {
      const { child, collect, line } = startDemo("--stay");
      try {
        const page = (await line(/page\s+(http:\S+)/))[1] as string;
        const overview = async (): Promise<Overview> =>
          (await fetch(`${page}api/v1/overview`)).json() as Promise<Overview>;
        const instances = async (component: string, service: string) =>
          (await overview()).instances.filter(
            (i) => i.component === component && (service === "" || i.service === service),
          );
        const parts: [name: string, component: string, service: string][] = [
          ["sidecar-payments", "sidecar", "payments"],
          ["admission", "admission", ""],
        ];
        for (const [name, component, service] of parts) {
          const pid = Number((await line(new RegExp(`${name} (\\d+)`)))[1]);
          const edges = (await overview()).edges.find((edge) => edge.server === "web")?.requests ?? 0;
          process.kill(pid, "SIGKILL");
          await line(new RegExp(`${name} died`));
          await line(new RegExp(`${name} restarted \\(pid (\\d+)\\)`));
          expect(await until(async () => (await instances(component, service)).some((i) => i.state === "up"))).toBe(
            true,
          );
          expect(
            await until(
              async () => ((await overview()).edges.find((edge) => edge.server === "web")?.requests ?? 0) > edges,
            ),
          ).toBe(true);
          expect(
            (await overview()).events.some(
              (event) => event.kind === "lifecycle" && /lost|restarted/.test(event.outcome),
            ),
          ).toBe(true);
        }
      } finally {
        child.kill("SIGINT");
      }
      expect((await collect).code).toBe(0);
    },
    STAY_MS,
  );
});
