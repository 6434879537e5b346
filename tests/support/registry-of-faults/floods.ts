import { gzipSync } from "node:zlib";
import { type Fault, jsonReply } from "../../../cli/demo/registry/reply.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../../core/images/media-types.ts";
import { serveAs } from "./answers.ts";

/** Bytes without an end. */
export function endless(): Fault {
  const piece = new Uint8Array(1024 * 1024).fill(0x20);
  return ({ reply }) => ({
    ...reply,
    body: (async function* () {
      for (;;) yield piece;
    })(),
  });
}

/** A page of referrers that are not there, each page leading to the next. */
export function floodReferrers(perPage: number): Fault {
  let page = 0;
  return () => {
    page++;
    const headers = { "content-type": OCI_INDEX, link: `</v2/shop/web/referrers/next?page=${page}>; rel="next"` };
    return jsonReply(200, listing(perPage, page * perPage), headers);
  };
}

/** So many referrers on one page, none of them there. */
export function referrerFlood(count = 10_000): Fault {
  return () => jsonReply(200, listing(count, 0), { "content-type": OCI_INDEX });
}

function listing(count: number, from: number): object {
  const manifests = Array.from({ length: count }, (_, index) => ({
    mediaType: OCI_MANIFEST,
    digest: `sha256:${(from + index).toString(16).padStart(64, "0")}`,
    size: 500,
  }));
  return { schemaVersion: 2, mediaType: OCI_INDEX, manifests };
}

/** A manifest nested so deep that a recursive reader overflows its stack. */
export function jsonBomb(depth = 100_000): Fault {
  const nested = `${"[".repeat(depth)}${"]".repeat(depth)}`;
  return serveAs(OCI_MANIFEST, `{"schemaVersion":2,"mediaType":"${OCI_MANIFEST}","annotations":${nested}}`);
}

/** A manifest of so many bytes, well-formed. */
export function hugeManifest(bytes: number): Fault {
  const digest = `sha256:${"2".repeat(64)}`;
  const head = { schemaVersion: 2, mediaType: OCI_MANIFEST, config: { mediaType: "x", digest, size: 2 }, layers: [] };
  return serveAs(OCI_MANIFEST, `${JSON.stringify(head).slice(0, -1)},"filler":"${"x".repeat(bytes)}"}`);
}

/** A manifest of so many layers. */
export function manyLayers(count: number): Fault {
  const layer = { mediaType: "x", digest: `sha256:${"3".repeat(64)}`, size: 2 };
  const layers = Array.from({ length: count }, () => layer);
  return serveAs(OCI_MANIFEST, JSON.stringify({ schemaVersion: 2, mediaType: OCI_MANIFEST, config: layer, layers }));
}

/** A few kilobytes that decompress to so many. */
export function gzipBomb(bytes = 64 * 1024 * 1024): Fault {
  const bomb = gzipSync(Buffer.alloc(bytes, 0x20));
  return ({ reply }) => ({ ...reply, headers: { ...reply.headers, "content-encoding": "gzip" }, body: bomb });
}

/** Headers of so many bytes. */
export function hugeHeaders(bytes: number): Fault {
  return ({ reply }) => ({ ...reply, headers: { ...reply.headers, "x-filler": "x".repeat(bytes) } });
}
