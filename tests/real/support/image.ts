import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";

const MANIFEST = "application/vnd.oci.image.manifest.v1+json";
const TAR_BLOCK_BYTES = 512;

export interface FileInImage {
  readonly path: string;
  readonly text: string;
}

/**
 * Writes a one-layer image as an OCI layout folder, for `skopeo copy oci:FOLDER:latest …`.
 *
 * @returns the digest of its manifest
 * @see OCI image-layout 1.0
 */
export function writeImage(folder: string, files: readonly FileInImage[]): string {
  const blobs = join(folder, "blobs/sha256");
  mkdirSync(blobs, { recursive: true });
  const put = (bytes: Uint8Array) => {
    const hex = createHash("sha256").update(bytes).digest("hex");
    writeFileSync(join(blobs, hex), bytes);
    return { digest: `sha256:${hex}`, size: bytes.length };
  };
  const json = (value: object) => Buffer.from(JSON.stringify(value));
  const tar = tarOf(files);
  const diffId = `sha256:${createHash("sha256").update(tar).digest("hex")}`;
  const layer = { mediaType: "application/vnd.oci.image.layer.v1.tar+gzip", ...put(gzipSync(tar)) };
  const rootfs = { type: "layers", diff_ids: [diffId] };
  const config = {
    mediaType: "application/vnd.oci.image.config.v1+json",
    ...put(json({ architecture: "amd64", os: "linux", config: {}, rootfs })),
  };
  const manifest = put(json({ schemaVersion: 2, mediaType: MANIFEST, config, layers: [layer] }));
  const annotations = { "org.opencontainers.image.ref.name": "latest" };
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(folder, "index.json"),
    json({ schemaVersion: 2, manifests: [{ mediaType: MANIFEST, ...manifest, annotations }] }),
  );
  return manifest.digest;
}

/** A ustar archive. @see POSIX.1-1988, the header of 512 bytes */
function tarOf(files: readonly FileInImage[]): Buffer {
  const entries = files.flatMap(({ path, text }) => {
    const body = Buffer.from(text);
    const padding = Buffer.alloc((TAR_BLOCK_BYTES - (body.length % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES);
    return [tarHeader(path, body.length), body, padding];
  });
  return Buffer.concat([...entries, Buffer.alloc(2 * TAR_BLOCK_BYTES)]);
}

function tarHeader(path: string, sizeBytes: number): Buffer {
  const header = Buffer.alloc(TAR_BLOCK_BYTES);
  header.write(path, 0, 100);
  header.write("0000644\0", 100);
  header.write("0000000\0", 108);
  header.write("0000000\0", 116);
  header.write(`${sizeBytes.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write("0", 156);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return header;
}
