// Compiles admission's Rego library to wasm: node tools/rego.ts
// The result is committed; tests/real/rego.test.ts compiles again and compares.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { REGO_LIBRARY } from "../admission/rego/rego.ts";
import { fail } from "./errors.mjs";
import { findPart, ROOT } from "./parts.mjs";

const FOLDER = join(ROOT, "admission/rego");

/** Where the compiled library is committed. */
export const LIBRARY_WASM = join(FOLDER, "library.wasm");

/**
 * The library as one wasm module with an entrypoint for every rule of REGO_LIBRARY.
 *
 * @param opa  path of the opa program
 */
export function compileLibrary(opa: string): Buffer {
  const folder = mkdtempSync(join(tmpdir(), "outrider-rego-"));
  try {
    const bundle = join(folder, "bundle.tar.gz");
    const entrypoints = Object.values(REGO_LIBRARY).flatMap((entrypoint) => ["-e", entrypoint]);
    const sources = readdirSync(FOLDER)
      .filter((name) => name.endsWith(".rego"))
      .sort();
    execFileSync(opa, ["build", "-t", "wasm", "-o", bundle, ...entrypoints, ...sources], { cwd: FOLDER });
    return execFileSync("tar", ["-xzPOf", bundle, "/policy.wasm"], { maxBuffer: 16 * 1024 * 1024 });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const opa = findPart("opa");
  if (opa.path === undefined) fail("PART_MISSING", opa.problem, "run `tools/install opa`");
  else writeFileSync(LIBRARY_WASM, compileLibrary(opa.path));
}
