import { readFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { build } from "esbuild";
import type { Overview } from "../../collector/overview.ts";
import { PAGE_POLICY } from "../../collector/web/web.ts";
import { emptyOverview, sampleOverview, traceId } from "../page/sample.ts";
import { describeWith } from "../support/parts.ts";
import { type OpenPage, openPage } from "./support/browser.ts";

const START_MS = 60_000;
const SEEN_MS = 15_000;
const ROOT = join(import.meta.dirname, "../..");
const TYPES: Readonly<Record<string, string>> = { html: "text/html", js: "text/javascript", css: "text/css" };

describeWith(["chromium"], "the page over a collector in trouble", ({ chromium }) => {
  const streams = new Set<ServerResponse>();
  let show: (atMs: number) => Overview = sampleOverview;
  let server: Server;
  let opened: OpenPage;

  beforeAll(async () => {
    const files = await bundle();
    server = createServer((request, response) => answer(request.url ?? "/", response, files));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    opened = await openPage(chromium, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await opened.page.getByTestId("slos").waitFor({ timeout: SEEN_MS });
  }, START_MS);

  afterAll(async () => {
    await opened?.close();
    for (const stream of streams) stream.destroy();
    server?.closeAllConnections();
    server?.close();
  });

  function answer(url: string, response: ServerResponse, files: ReadonlyMap<string, Uint8Array>): void {
    response.setHeader("content-security-policy", PAGE_POLICY);
    if (url === "/api/v1/live") stream(response);
    else if (url === "/api/v1/overview") response.end(JSON.stringify(show(Date.now())));
    else sendFile(url, response, files);
  }

  function sendFile(url: string, response: ServerResponse, files: ReadonlyMap<string, Uint8Array>): void {
    const name = url === "/" ? "index.html" : url.slice(1);
    const content = files.get(name);
    response.writeHead(content === undefined ? 404 : 200, {
      "content-type": TYPES[name.split(".").at(-1) ?? ""] ?? "",
    });
    response.end(content);
  }

  function stream(response: ServerResponse): void {
    streams.add(response.writeHead(200, { "content-type": "text/event-stream" }));
    const send = (): boolean => response.write(`data: ${JSON.stringify(show(Date.now()))}\n\n`);
    send();
    const timer = setInterval(send, 200);
    response.on("close", () => clearInterval(timer));
  }

  it("says first that an alert fires and an instance is lost", async () => {
    const headline = opened.page.getByTestId("headline");
    expect(await headline.textContent()).toBe("1 alert firing, 1 instance lost, 1 alert pending");
    expect(await headline.getAttribute("data-level")).toBe("bad");
  });

  it("draws every service and edge, the lost one marked", async () => {
    expect(await opened.page.getByTestId("map-node").count()).toBe(6);
    expect(await opened.page.getByTestId("map-edge").count()).toBe(5);
    expect(await opened.page.locator('[data-service="batch"]').textContent()).toContain("1 of 1 lost");
  });

  it("opens the alert's exemplar as a waterfall", async () => {
    await opened.page.getByTestId("alert").first().getByTestId("trace-link").click();
    const trace = opened.page.locator(`#trace-${traceId(1)}`);
    await trace.getByTestId("waterfall").waitFor({ timeout: SEEN_MS });
    expect(await trace.getByTestId("span").count()).toBe(6);
  });

  it("is used with the keyboard alone", async () => {
    const opener = opened.page.getByTestId("slo").first().locator("button");
    await opener.focus();
    await opened.page.keyboard.press("Enter");
    await opened.page.getByTestId("slo-detail").waitFor({ timeout: SEEN_MS });
    expect(await opener.getAttribute("aria-expanded")).toBe("true");
  });

  it("lists every violation of a refusal", async () => {
    const lines = opened.page.getByTestId("violations").locator("li");
    expect(await lines.allTextContents()).toEqual([
      expect.stringContaining("IMG_UNSIGNED"),
      expect.stringContaining("PSS_PRIVILEGED"),
    ]);
  });

  it("shows hostile telemetry as text", async () => {
    expect(await opened.page.getByTestId("events").textContent()).toContain("<script>");
    expect(await opened.page.title()).toBe("Outrider");
    expect(await opened.page.locator("img").count()).toBe(0);
  });

  it("fits 1000 pixels without scrolling sideways", async () => {
    await opened.page.setViewportSize({ width: 1000, height: 900 });
    expect(await opened.page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(1000);
  });

  it("asks nobody else and breaks no rule of its policy", () => expect(opened.complaints).toEqual([]));

  it("says what is missing when nothing has reported", async () => {
    show = emptyOverview;
    await opened.page.getByText("Nothing reports yet").waitFor({ timeout: SEEN_MS });
    await opened.page.getByText("No objective is defined.").waitFor({ timeout: SEEN_MS });
  });

  it("says that the collector is lost, how long, and recovers by itself", async () => {
    const { port } = server.address() as AddressInfo;
    server.close();
    server.closeAllConnections();
    const banner = opened.page.getByTestId("stale");
    await banner.waitFor({ timeout: SEEN_MS });
    expect(await banner.textContent()).toMatch(/silent for \d+/);
    await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
    await banner.waitFor({ state: "detached", timeout: SEEN_MS });
  }, 60_000);
});

async function bundle(): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await build({
    absWorkingDir: ROOT,
    entryPoints: [{ in: "collector/page/main.tsx", out: "page" }],
    outdir: tmpdir(),
    write: false,
    bundle: true,
    format: "esm",
    target: "es2022",
    jsx: "automatic",
    jsxImportSource: "preact",
  });
  const files = new Map(outputFiles.map(({ path, contents }) => [path.split(/[\\/]/).at(-1) ?? "", contents]));
  return files.set("index.html", await readFile(join(ROOT, "collector/page/index.html")));
}
