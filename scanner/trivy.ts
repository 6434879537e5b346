import { execa } from "execa";
import { type Clock, MINUTE_MS, SECOND_MS } from "../core/base/clock.ts";
import { CodedError, messageOf } from "../core/base/errors.ts";
import type { Digest, ScanResult } from "../core/policy/evidence.ts";
import { readTrivyReport } from "../core/policy/trivy-report.ts";
import { SCANNER_ERRORS, type ScannerCode } from "./errors.ts";

/** Longest scan, in milliseconds: a large image on a slow link, with the database to download first. */
export const SCAN_DEADLINE_MS = 5 * MINUTE_MS;
/** Longest wait for `trivy version`, in milliseconds. */
export const VERSION_DEADLINE_MS = 10 * SECOND_MS;
/** Largest report read, in bytes; a longer one is refused, because a cut one would look cleaner than it is. */
export const REPORT_LIMIT_BYTES = 256 * 1024 * 1024;

/** One image, held to the digest that the result will be about. */
export interface ScanTarget {
  /** host/repository */
  readonly repository: string;
  readonly digest: Digest;
  /** The registry speaks plain HTTP. */
  readonly plainHttp?: boolean;
}

export interface TrivyOptions {
  /** Found on PATH when it has no slash. */
  readonly binary?: string;
  /** All the environment trivy gets: PATH, HOME, proxies; credentials only where it needs them. */
  readonly env: Readonly<Record<string, string>>;
  readonly cacheDir?: string;
  /** Use the database as it is, and ask nothing but the registry. */
  readonly offline?: boolean;
  readonly deadlineMs?: number;
  readonly clock: Clock;
}

/** Which trivy would scan, with which database. */
export interface TrivyVersion {
  readonly version: string;
  /** Absent until a database has been downloaded. */
  readonly databaseAtMs?: number;
}

/**
 * Scans one image with trivy. Its exit code says only whether it ran; findings are what the report says.
 *
 * @throws {CodedError} BINARY_MISSING, SCAN_FAILED, SCAN_DATABASE_MISSING, SCAN_TIMEOUT, SCAN_REPORT_INVALID: never an empty result
 * @see https://trivy.dev/latest/docs/references/configuration/cli/trivy_image/
 */
export async function scanWithTrivy(
  target: ScanTarget,
  options: TrivyOptions,
  signal: AbortSignal,
): Promise<ScanResult> {
  const reference = `${target.repository}@${target.digest}`;
  const deadlineMs = options.deadlineMs ?? SCAN_DEADLINE_MS;
  const stdout = await runTrivy(scanArguments(reference, options), target, options, deadlineMs, signal);
  const report = readTrivyReport(parseJson(stdout, reference));
  if (report.artifact !== reference)
    throw scanError("SCAN_FAILED", reference, `the report is about ${report.artifact}`);
  if (report.digests.length > 0 && !report.digests.includes(target.digest)) {
    throw scanError("SCAN_FAILED", reference, `the report is about ${report.digests.join(", ")}`);
  }
  const { version, databaseAtMs } = await trivyVersion(options, signal);
  return {
    digest: target.digest,
    source: `trivy ${version}`,
    finishedAtMs: options.clock(),
    ...(databaseAtMs === undefined ? {} : { databaseAtMs }),
    findings: report.findings,
  };
}

/** @throws {CodedError} BINARY_MISSING, SCAN_FAILED, SCAN_TIMEOUT */
export async function trivyVersion(options: TrivyOptions, signal: AbortSignal): Promise<TrivyVersion> {
  const args = ["version", "--format", "json", ...cacheArguments(options)];
  const stdout = await runTrivy(args, {}, options, VERSION_DEADLINE_MS, signal);
  const read = parseJson(stdout, "version") as { Version?: unknown; VulnerabilityDB?: { UpdatedAt?: unknown } };
  if (typeof read.Version !== "string") throw scanError("SCAN_FAILED", "version", "it prints no version");
  const databaseAtMs = Date.parse(String(read.VulnerabilityDB?.UpdatedAt ?? ""));
  return { version: read.Version, ...(Number.isNaN(databaseAtMs) ? {} : { databaseAtMs }) };
}

/** The memory cache, because the one on disk admits one process at a time; nothing is sent home. */
function scanArguments(reference: string, options: TrivyOptions): string[] {
  return [
    "image",
    ...["--format", "json", "--quiet", "--no-progress", "--scanners", "vuln", "--image-src", "remote"],
    ...["--cache-backend", "memory", "--skip-version-check", "--disable-telemetry"],
    ...(options.offline === true ? ["--skip-db-update", "--skip-java-db-update", "--offline-scan"] : []),
    ...cacheArguments(options),
    reference,
  ];
}

function cacheArguments({ cacheDir }: TrivyOptions): string[] {
  return cacheDir === undefined ? [] : ["--cache-dir", cacheDir];
}

async function runTrivy(
  args: readonly string[],
  target: Pick<ScanTarget, "plainHttp">,
  { binary = "trivy", env }: TrivyOptions,
  deadlineMs: number,
  signal: AbortSignal,
): Promise<string> {
  const result = await execa(binary, args, {
    env: target.plainHttp === true ? { ...env, TRIVY_NON_SSL: "true", TRIVY_INSECURE: "true" } : { ...env },
    extendEnv: false,
    stdin: "ignore",
    timeout: deadlineMs,
    cancelSignal: signal,
    forceKillAfterDelay: SECOND_MS,
    maxBuffer: REPORT_LIMIT_BYTES,
    reject: false,
  });
  const command = `${binary} ${args.join(" ")}`;
  if (result.code === "ENOENT") throw binaryMissing(binary, result.cause);
  if (result.timedOut) throw scanError("SCAN_TIMEOUT", command, `stopped after ${deadlineMs} ms`);
  if (result.isCanceled) throw scanError("SCAN_TIMEOUT", command, "the caller's time was up", signal.reason);
  if (!result.failed) return result.stdout;
  if (DATABASE_MISSING.test(result.stderr)) throw scanError("SCAN_DATABASE_MISSING", command, lastLine(result.stderr));
  throw scanError(
    "SCAN_FAILED",
    command,
    lastLine(result.stderr) || (result.shortMessage ?? "it failed"),
    result.cause,
  );
}

/** How trivy says that it cannot open or fetch its database. */
const DATABASE_MISSING =
  /init error: DB error|cannot be specified on the first run|failed to download vulnerability DB/;

/** Trivy's last word is the error; the lines above it are progress. */
function lastLine(stderr: string): string {
  return (stderr.trim().split("\n").at(-1) ?? "").slice(0, 500);
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const found = text === "" ? "it printed nothing" : `it printed ${text.length} characters that are no whole JSON`;
    throw scanError("SCAN_FAILED", what, `${found} (${messageOf(cause).slice(0, 100)})`, cause);
  }
}

function binaryMissing(binary: string, cause: unknown): CodedError {
  const fix = "install trivy (tools/install trivy, or https://trivy.dev) and put it on PATH";
  return new CodedError("BINARY_MISSING", `${binary}: not found`, fix, { cause });
}

function scanError(code: ScannerCode, what: string, why: string, cause?: unknown): CodedError {
  return new CodedError(code, `scan ${what}: ${why}`, SCANNER_ERRORS[code].fix, { cause });
}
