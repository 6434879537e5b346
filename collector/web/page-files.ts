import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));
/** Beside the bundled command (dist/page), or from source: what the build made, then the page's own files. */
const FOLDERS: readonly string[] = [join(HERE, "page"), join(HERE, "../../dist/page"), join(HERE, "../page")];

const TYPES: Readonly<Record<string, string>> = {
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  css: "text/css; charset=utf-8",
  svg: "image/svg+xml",
  png: "image/png",
  ico: "image/x-icon",
  woff2: "font/woff2",
  json: "application/json",
};

export interface PageFile {
  readonly type: string;
  readonly content: Buffer;
}

/** A file of the page by its path: "/" is index.html. No path leaves the page's folders. `undefined`: there is none. */
export async function readPageFile(path: string): Promise<PageFile | undefined> {
  const name = path === "/" ? "index.html" : path.slice(1).replace(/^assets\//, "");
  const extension = /^[\w-][\w.-]*\.([a-z0-9]+)$/.exec(name)?.[1];
  const type = extension === undefined ? undefined : TYPES[extension];
  if (type === undefined) return undefined;
  for (const folder of FOLDERS) {
    const content = await readFile(join(folder, name)).catch(() => undefined);
    if (content !== undefined) return { type, content };
  }
  return undefined;
}
