import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { chromium as playwright } from "playwright-core";
import { describeWith } from "../support/parts.ts";
import { type RunningDemo, startDemo } from "./support/demo.ts";
import { eventually, ownFolder, run } from "./support/program.ts";
import { type Prometheus, startPrometheus } from "./support/prometheus.ts";

const START_MS = 150_000;
const SEEN_MS = 20_000;

/** Chromium asks nobody and needs no sandbox, so that it runs as any user on a machine without a network. */
const CHROMIUM_FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const EDGES = ["web → checkout", "checkout → payments", "outside → web"];

describe("while the demo stays up", () => {
  let demo: RunningDemo;
  beforeAll(async () => {
    demo = await startDemo();
  }, START_MS);
  afterAll(() => demo?.program.stop());

  describeWith(["promtool"], "promtool", ({ promtool }) => {
    it.each(["collector", "mesh", "admission", "sidecar-21", "sidecar-22", "sidecar-23", "sidecar-24"])(
      "accepts the metrics of %s",
      async (component) => {
        const response = await fetch(`http://${demo.metrics[component]}/metrics`);
        expect(response.headers.get("content-type")).toMatch(
          /^text\/plain; version=0\.0\.4|^application\/openmetrics-text/,
        );
        const { code, stdout, stderr } = await run(promtool, ["check", "metrics"], {}, await response.text());
        expect({ code, said: stdout + stderr }).toEqual({ code: 0, said: "" });
      },
    );
  });

  describeWith(["prometheus"], "a real Prometheus", (paths) => {
    const folder = ownFolder();
    let prometheus: Prometheus;
    beforeAll(async () => {
      prometheus = await startPrometheus(paths.prometheus, folder.path, demo.metrics);
    }, START_MS);
    afterAll(async () => {
      await prometheus?.stop();
      folder.remove();
    });

    it("scrapes every component", async () => {
      const expected = Object.keys(demo.metrics).sort();
      await eventually("up == 1 everywhere", SEEN_MS, async () => {
        const up = (await prometheus.query("up == 1")).map(({ metric }) => metric["job"]).sort();
        return JSON.stringify(up) === JSON.stringify(expected) || undefined;
      });
    });

    it("answers how many requests each service took", async () => {
      const query = 'sum by (service) (outrider_requests_total{direction="inbound"}) > 0';
      const services = await eventually(query, SEEN_MS, async () => {
        const samples = await prometheus.query(query);
        return samples.length >= 3 ? samples.map(({ metric }) => metric["service"]) : undefined;
      });
      expect(services).toEqual(expect.arrayContaining(["web", "checkout", "payments"]));
    });
  });

  describeWith(["chromium"], "the page in Chromium", ({ chromium }) => {
    const complaints: string[] = [];
    let browser: Browser;
    let page: Page;

    beforeAll(async () => {
      browser = await playwright.launch({ executablePath: chromium, args: CHROMIUM_FLAGS });
      page = await browser.newPage();
      page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
      page.on("pageerror", (error) => complaints.push(String(error)));
      page.on("requestfailed", (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText}`));
      await page.goto(demo.page);
    }, START_MS);
    afterAll(() => browser?.close());

    it("draws the service map with its edges", async () => {
      await page.locator("svg").first().waitFor();
      const text = await eventually("the edges", SEEN_MS, async () => {
        const body = await page.locator("body").innerText();
        return /payments/.test(body) ? body : undefined;
      });
      for (const edge of EDGES) expect(text).toContain(edge);
    });

    it("says nothing on its console and every request of it is answered", () => expect(complaints).toEqual([]));

    it("answers with a policy that lets no other script run", async () => {
      const { headers } = await fetch(demo.page);
      expect(headers.get("content-security-policy")).toMatch(/default-src 'self'|script-src 'self'/);
    });
  });
});
