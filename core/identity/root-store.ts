import { createPrivateKey, X509Certificate } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { validate } from "../base/config.ts";
import { codedSystemError, messageOf } from "../base/errors.ts";
import { writeFileAtomically } from "./atomic-file.ts";
import { fileError } from "./bundle.ts";
import type { Root } from "./root.ts";

const ROOTS_FILE = "roots.json";
const OWNER_ONLY = 0o600;

const rootsFile = z.strictObject({
  roots: z
    .array(
      z.strictObject({
        name: z.string(),
        certificatePem: z.string(),
        keyPem: z.string().exactOptional(),
        notAfterMs: z.number(),
        signsFromMs: z.number(),
        longestTtlMs: z.number().exactOptional(),
        retireAtMs: z.number().exactOptional(),
      }),
    )
    .min(1, "expected at least one root"),
});

/** Where an authority's roots are kept. */
export interface RootStore {
  /** None where there are none yet. What cannot be read throws: a new root in its place would be one nobody trusts. */
  load(): readonly Root[];
  save(roots: readonly Root[]): void;
}

/** @throws {CodedError} IDENTITY_FILE, CONFIG_INVALID, FILE_NOT_USABLE, DISK_FULL */
export function folderOfRoots(stateDir: string, trustDomain: string): RootStore {
  return { load: () => loadRoots(stateDir, trustDomain), save: (roots) => saveRoots(stateDir, roots) };
}

/**
 * The roots kept in a folder, none when it has none yet. What is there must be whole: a new root in its place would
 * be one that no workload trusts.
 *
 * @throws {CodedError} IDENTITY_FILE, CONFIG_INVALID, FILE_NOT_USABLE
 */
function loadRoots(stateDir: string, trustDomain: string): readonly Root[] {
  const file = join(stateDir, ROOTS_FILE);
  const text = readIfThere(file);
  return text === undefined ? [] : parseRoots(text, file, trustDomain);
}

/** The text that `renderRoots` wrote. @param source  for messages @throws {CodedError} IDENTITY_FILE, CONFIG_INVALID */
export function parseRoots(text: string, source: string, trustDomain: string): readonly Root[] {
  const { roots } = validate(rootsFile, parsed(text, source), source);
  for (const root of roots) checkRoot(root, trustDomain, source);
  return roots;
}

export function renderRoots(roots: readonly Root[]): string {
  return `${JSON.stringify({ roots }, undefined, 2)}\n`;
}

/** Only "there is no such file" means a new authority. */
function readIfThere(file: string): string | undefined {
  try {
    const text = readFileSync(file, "utf8");
    chmodSync(file, OWNER_ONLY);
    return text;
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code === "ENOENT") return undefined;
    throw codedSystemError(thrown, file);
  }
}

function parsed(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw fileError(`${file}: ${messageOf(cause)}`, cause);
  }
}

function checkRoot(root: Root, trustDomain: string, file: string): void {
  const fault = faultOf(root, trustDomain);
  if (fault !== undefined) throw fileError(`${file}: ${root.name.slice(0, 64)}: ${fault}`);
}

function faultOf({ certificatePem, keyPem, notAfterMs }: Root, trustDomain: string): string | undefined {
  try {
    const certificate = new X509Certificate(certificatePem);
    const names = certificate.subjectAltName?.split(", ") ?? [];
    if (!names.includes(`URI:spiffe://${trustDomain}`))
      return `expected a root of trust domain ${trustDomain}, found ${names.join(", ") || "none"}`;
    if (certificate.validToDate.getTime() !== notAfterMs) return "its certificate ends at another time than is noted";
    if (keyPem !== undefined && !certificate.checkPrivateKey(createPrivateKey(keyPem))) return "its key is another's";
    return undefined;
  } catch (cause) {
    return `certificate or key not readable (${messageOf(cause)})`;
  }
}

/** Replaces the file in one step, readable by its owner alone. @throws {CodedError} DISK_FULL, FILE_NOT_USABLE */
function saveRoots(stateDir: string, roots: readonly Root[]): void {
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw codedSystemError(thrown, stateDir);
  }
  writeFileAtomically(join(stateDir, ROOTS_FILE), renderRoots(roots), OWNER_ONLY);
}
