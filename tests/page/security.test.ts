import { readdir, readFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
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
    for (const [file, source] of await sources()) {
      const dangerous = source.match(/dangerouslySetInnerHTML|innerHTML|insertAdjacentHTML|document\.write|\beval\(/);
      expect([file, dangerous]).toEqual([file, null]);
    }
  });

  it("takes only types of the collector, so that no server code reaches the browser", async () => {
    const taken: string[] = [];
    for (const [file, source] of await sources()) {
      for (const [line, from = ""] of source.matchAll(/^import .*from "(\.[^"]*)";$/gm))
        if (relative(PAGE, resolve(dirname(file), from)).startsWith("..")) taken.push(line);
    }
    expect(taken.length).toBeGreaterThan(0);
    for (const line of taken) expect(line).toMatch(/^import type .*\/overview\.ts";$/);
  });
});

/** Every script of the page, with its path. */
async function sources(): Promise<[file: string, source: string][]> {
  const entries = await readdir(PAGE, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return Promise.all(files.map(async (file): Promise<[string, string]> => [file, await readFile(file, "utf8")]));
}
