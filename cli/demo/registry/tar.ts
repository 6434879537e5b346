const BLOCK_BYTES = 512;

/** A ustar archive of regular files with the folders they need, owned by root, dated 1970: equal input, equal bytes. */
export function tar(files: Readonly<Record<string, string>>): Uint8Array {
  const folders = new Set(Object.keys(files).flatMap(parentsOf));
  const parts: Uint8Array[] = [...folders].toSorted().map((folder) => header(folder, 0, "5"));
  for (const [path, text] of Object.entries(files).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const content = Buffer.from(text);
    parts.push(header(path.replace(/^\//, ""), content.byteLength, "0"), padded(content));
  }
  return Buffer.concat([...parts, new Uint8Array(2 * BLOCK_BYTES)]);
}

function parentsOf(path: string): string[] {
  const names = path.replace(/^\//, "").split("/").slice(0, -1);
  return names.map((_, index) => `${names.slice(0, index + 1).join("/")}/`);
}

/** @see POSIX.1-2017, pax, "ustar Interchange Format" */
function header(name: string, size: number, type: "0" | "5"): Uint8Array {
  const block = Buffer.alloc(BLOCK_BYTES);
  block.write(name, 0, 100);
  block.write(type === "5" ? "0000755\0" : "0000644\0", 100);
  block.write("0000000\0", 108);
  block.write("0000000\0", 116);
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write("00000000000\0", 136);
  block.write("        ", 148);
  block.write(type, 156);
  block.write("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

function padded(content: Uint8Array): Uint8Array {
  const out = new Uint8Array(Math.ceil(content.byteLength / BLOCK_BYTES) * BLOCK_BYTES);
  out.set(content);
  return out;
}
