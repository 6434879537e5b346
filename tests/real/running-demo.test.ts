import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { describeWith, part } from "../support/parts.ts";
import { type OpenPage, openPage } from "./support/browser.ts";
import { type StandingDemo, standUp } from "./support/demo.ts";
import { eventually, ownFolder, run } from "./support/program.ts";
import { type Prometheus, startPrometheus } from "./support/prometheus.ts";

const START_MS = 180_000;
const SEEN_MS = 20_000;
const SIDECARS = ["sidecar-21", "sidecar-22", "sidecar-23", "sidecar-24"];

describe("while the demo stays up", () => {
  const folder = ownFolder();
  let demo: StandingDemo;
  let prometheus: Prometheus | undefined;
  let opened: OpenPage | undefined;

  beforeAll(async () => {
    demo = await standUp();
    const [prometheusPath, chromiumPath] = [part("prometheus"), part("chromium")];
    if (prometheusPath !== undefined) prometheus = await startPrometheus(prometheusPath, folder.path, demo.metrics);
    if (chromiumPath !== undefined) opened = await openPage(chromiumPath, demo.page);
  }, START_MS);

  afterAll(async () => {
    await opened?.close();
    await prometheus?.stop();
    await demo?.stop();
    folder.remove();
  });

  describeWith(["promtool"], "promtool", ({ promtool }) => {
    it.each(["collector", "mesh", "admission", ...SIDECARS])("accepts the metrics of %s", async (component) => {
      const response = await fetch(`http://${demo.metrics[component]}/metrics`);
      expect(response.headers.get("content-type")).toMatch(
        /^text\/plain; version=0\.0\.4|^application\/openmetrics-text/,
      );
      const { code, stdout, stderr } = await run(promtool, ["check", "metrics"], {}, await response.text());
      expect({ code, said: stdout + stderr }).toEqual({ code: 0, said: "" });
    });
  });

  describeWith(["prometheus"], "a real Prometheus", () => {
    const ask = async (expression: string) => (await prometheus?.query(expression)) ?? [];

    it("scrapes every component", async () => {
      const expected = Object.keys(demo.metrics).sort();
      const up = await eventually("up == 1 everywhere", SEEN_MS, async () => {
        const jobs = (await ask("up == 1")).map(({ metric }) => metric["job"]).sort();
        return jobs.length === expected.length ? jobs : undefined;
      });
      expect(up).toEqual(expected);
    });

    it("answers how many requests each service took", async () => {
      const query = 'sum by (service) (outrider_requests_total{direction="inbound"}) > 0';
      const services = await eventually(query, SEEN_MS, async () => {
        const samples = await ask(query);
        return samples.length >= 3 ? samples.map(({ metric }) => metric["service"]) : undefined;
      });
      expect(services).toEqual(expect.arrayContaining(["web", "checkout", "payments"]));
    });
  });

  describeWith(["chromium"], "the page in Chromium", () => {
    it.each([
      [
        "the service map with its three edges",
        "Service map",
        ["batch to web:", "web to checkout:", "checkout to payments:"],
      ],
      ["the objectives", "Service level objectives", ["payments-availability", "99.9 %"]],
      ["traces through all services", "Recent traces", ["batch → web → checkout → payments"]],
      ["decisions, refused and admitted", "Decisions and events", ["IMG_UNSIGNED", "IMG_VULNERABLE", "admitted"]],
    ])("shows %s", async (_, heading, words) => {
      const section = opened?.page.locator("section", { hasText: heading }).first();
      const text = await eventually(`${heading}: ${words.join(", ")}`, SEEN_MS, async () => {
        const found = (await section?.textContent()) ?? "";
        return words.every((word) => found.includes(word)) ? found : undefined;
      });
      expect(text).toContain(heading);
    });

    it("says nothing on its console, and every request of it is answered", () => {
      expect(opened?.complaints).toEqual([]);
    });

    it("comes with a policy that lets no other script run", async () => {
      const { headers } = await fetch(demo.page);
      expect(headers.get("content-security-policy")).toMatch(/(default|script)-src 'self'/);
    });
  });
});
