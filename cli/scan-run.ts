import { scanText } from "../admission/answer/scan-text.ts";
import { MINUTE_MS, systemClock } from "../core/base/clock.ts";
import { CodedError } from "../core/base/errors.ts";
import { formatRepository, parseReference } from "../core/images/reference.ts";
import { createRegistryClient } from "../core/images/registry-client.ts";
import { type Finding, type ScanResult, SEVERITIES, type Severity } from "../core/policy/evidence.ts";
import { trivyEnvironment } from "../scanner/environment.ts";
import { openScanStore } from "../scanner/store.ts";
import { type ScanTarget, scanWithTrivy } from "../scanner/trivy.ts";
import type { RegistrySetting } from "./registry-option.ts";
import type { ScanOptions } from "./scan.ts";

/** Longest time to resolve the reference, in milliseconds. */
export const RESOLVE_DEADLINE_MS = MINUTE_MS;

/** Exit code 0 when nothing is as bad as `--fail-on`, 1 when something is or the scan failed, 2 for wrong input. */
export async function scan(image: string, options: ScanOptions): Promise<void> {
  const target = await resolveTarget(image, options.registry);
  const trivy = { env: trivyEnvironment(process.env), offline: options.offline, clock: systemClock };
  const cache = options.cacheDir === undefined ? {} : { cacheDir: options.cacheDir };
  const result = await scanWithTrivy(target, { ...trivy, ...cache }, new AbortController().signal);
  if (options.store !== undefined) keep(options.store, result);
  const refused = result.findings.filter(({ severity }) => isAsBad(severity, options.failOn));
  process.stdout.write(
    options.json ? `${JSON.stringify({ ...result, refused: refused.length })}\n` : render(target, result, refused),
  );
  if (refused.length > 0) process.exitCode = 1;
}

async function resolveTarget(image: string, registries: readonly RegistrySetting[]): Promise<ScanTarget> {
  const reference = parseReference(image);
  const client = createRegistryClient({ registries });
  try {
    const signal = AbortSignal.timeout(RESOLVE_DEADLINE_MS);
    const manifest = await client.manifest(reference, reference.digest ?? reference.tag ?? "latest", signal);
    if (manifest === undefined) {
      throw new CodedError("SCAN_FAILED", `${image}: the registry has no such image`, "check the name and the tag");
    }
    const plainHttp = registries.some(({ host, plainHttp }) => plainHttp && host === reference.registry);
    return { repository: formatRepository(reference), digest: manifest.digest, plainHttp };
  } finally {
    await client.close();
  }
}

function keep(file: string, result: ScanResult): void {
  const store = openScanStore(file);
  try {
    store.put(result);
  } finally {
    store.close();
  }
}

function isAsBad(severity: Severity, failOn: Severity | undefined): boolean {
  return failOn !== undefined && SEVERITIES.indexOf(severity) >= SEVERITIES.indexOf(failOn);
}

function render(target: ScanTarget, result: ScanResult, refused: readonly Finding[]): string {
  const counts = SEVERITIES.toReversed().flatMap((severity) => {
    const count = result.findings.filter((finding) => finding.severity === severity).length;
    return count === 0 ? [] : [`${count} ${severity}`];
  });
  const verdict = refused.length > 0 ? "refused" : "scanned";
  const head = `${verdict}  ${target.repository}@${target.digest}  (${counts.join(", ") || "no finding"})`;
  const worstFirst = result.findings.toSorted(
    (a, b) => SEVERITIES.indexOf(b.severity) - SEVERITIES.indexOf(a.severity),
  );
  const lines = worstFirst.map(({ severity, id, package: name, fixedIn }) => {
    const fix = fixedIn === undefined ? "no fix yet" : `fixed in ${fixedIn}`;
    return `  ${severity.padEnd(9)} ${id.padEnd(20)} ${name}  ${fix}`;
  });
  const source = `  ${scanText({ kind: "found", value: result }, systemClock())}`;
  return `${[head, "", ...lines, ...(lines.length > 0 ? [""] : []), source].join("\n")}\n`;
}
