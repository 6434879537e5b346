import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";

const PAGE = join(import.meta.dirname, "../../collector/page");

describe("the page", () => {
  it("has no inline script, style or handler, and loads from itself alone", async () => {
    const html = await readFile(join(PAGE, "index.html"), "utf8");
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:|https?:\/\//i);
    for (const script of html.match(/<script[^>]*>[^<]*/g) ?? []) expect(script).toMatch(/src="\.\/[\w.]+"[^>]*>\s*$/);
    expect(html).toMatch(/default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'/);
    expect(html).not.toContain("unsafe");
  });

  it("puts telemetry on the screen as text alone", async () => {
    for (const file of await readdir(PAGE)) {
      const source = await readFile(join(PAGE, file), "utf8");
      expect([
        file,
        source.match(/dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|document\.write|\beval\(/),
      ]).toEqual([file, null]);
    }
  });

  it("takes only types of the collector, so that no server code reaches the browser", async () => {
    for (const file of await readdir(PAGE)) {
      const source = await readFile(join(PAGE, file), "utf8");
      for (const line of source.match(/^import .*from "\.\.\/.*";$/gm) ?? [])
        expect([file, line]).toEqual([file, expect.stringMatching(/^import type .*"\.\.\/overview\.ts";$/)]);
    }
  });
});
