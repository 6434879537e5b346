import { accessSync, constants } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { systemClock } from "../../../core/base/clock.ts";
import { messageOf } from "../../../core/base/errors.ts";
import type { ScanResult } from "../../../core/policy/evidence.ts";
import { trivyEnvironment } from "../../../scanner/environment.ts";
import { openScanStore } from "../../../scanner/store.ts";
import { scanWithTrivy, type TrivyOptions, trivyVersion } from "../../../scanner/trivy.ts";
import type { PushedImage } from "../registry/registry.ts";
import type { Stage } from "../stage.ts";
import { packageRoot } from "../workspace.ts";

/** Longest wait for trivy to name its database, and for one scan, in milliseconds. */
const VERSION_MS = 5_000;
const SCAN_MS = 20_000;

export interface RealScanner {
  /** Scans the image into the webhook's store. @returns what it was scanned by, or `undefined` when it failed */
  scan(image: PushedImage, registryHost: string): Promise<string | undefined>;
}

/** Trivy with a vulnerability database, where this machine has both; the demo never downloads one. */
export async function findRealScanner(stage: Stage): Promise<RealScanner | undefined> {
  const binary = trivyBinary();
  if (binary === undefined) return nothing(stage, "trivy is not on PATH");
  const cacheDir = process.env["TRIVY_CACHE_DIR"] ?? join(homedir(), ".cache/trivy");
  const options = { binary, cacheDir, offline: true, env: trivyEnvironment(process.env), clock: systemClock };
  const known = await trivyVersion(options, AbortSignal.timeout(VERSION_MS)).catch(() => undefined);
  if (known?.databaseAtMs === undefined) return nothing(stage, "trivy has no database here");
  return { scan: (image, host) => scan(stage, { ...options, deadlineMs: SCAN_MS }, image, host) };
}

function nothing(stage: Stage, why: string): undefined {
  stage.transcript.say(`no real scan: ${why}; every image carries an attestation by acme-scanner instead`);
  return undefined;
}

async function scan(
  stage: Stage,
  options: TrivyOptions,
  image: PushedImage,
  host: string,
): Promise<string | undefined> {
  const target = { repository: `${host}/${image.repository}`, digest: image.digest, plainHttp: true };
  try {
    const result: ScanResult = await scanWithTrivy(target, options, AbortSignal.timeout(SCAN_MS));
    const store = openScanStore(stage.layout.scanStore);
    store.put(result);
    await store.close();
    return `${result.source}: ${result.findings.length} findings`;
  } catch (thrown) {
    stage.transcript.say(`real scan failed (${messageOf(thrown)}); an attestation takes its place`);
    return undefined;
  }
}

/** On PATH, or where tools/install puts it. */
function trivyBinary(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), join(packageRoot(), ".parts/bin")];
  return folders.map((folder) => join(folder, "trivy")).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
