import { chmodSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { validate } from "../base/config.ts";
import { messageOf } from "../base/errors.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { fileError } from "./bundle.ts";
import type { Root } from "./root.ts";

const ROOTS_FILE = "roots.json";
const OWNER_ONLY = 0o600;

const rootsFile = z.strictObject({
  roots: z.array(
    z.strictObject({
      name: z.string(),
      certificatePem: z.string(),
      keyPem: z.string().exactOptional(),
      notAfterMs: z.number(),
      signsFromMs: z.number(),
      retireAtMs: z.number().exactOptional(),
    }),
  ),
});

/** The roots kept in a folder, none when it has none yet. @throws {CodedError} IDENTITY_FILE, CONFIG_INVALID */
export function loadRoots(stateDir: string): readonly Root[] {
  const file = join(stateDir, ROOTS_FILE);
  if (!existsSync(file)) return [];
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file, "utf8"));
  } catch (cause) {
    throw fileError(`${file}: ${messageOf(cause)}`, cause);
  }
  chmodSync(file, OWNER_ONLY);
  return validate(rootsFile, value, file).roots;
}

/** Replaces the file in one step, readable by its owner alone. @throws {CodedError} DISK_FULL */
export function saveRoots(stateDir: string, roots: readonly Root[]): void {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  writeFileAtomically(join(stateDir, ROOTS_FILE), `${JSON.stringify({ roots }, undefined, 2)}\n`, OWNER_ONLY);
}
