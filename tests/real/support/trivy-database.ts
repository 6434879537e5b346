import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { run } from "./program.ts";

export interface Advisory {
  readonly id: string;
  /** Alpine's package and the version that mends it. */
  readonly package: string;
  readonly fixedIn: string;
  readonly severity: "LOW" | "MEDIUM" | "HIGH" | "CRITICAL";
}

/** The release that the advisories are for. */
export const ALPINE = "3.20";

/**
 * A cache folder for trivy whose database knows these advisories and nothing else.
 *
 * @param atMs  when the database says it was made
 * @see aquasecurity/trivy-db: buckets "alpine RELEASE" → package → advisory, "vulnerability" → detail
 */
export async function writeTrivyCache(
  boltWrite: string,
  folder: string,
  advisories: readonly Advisory[],
  atMs: number,
): Promise<void> {
  mkdirSync(join(folder, "db"), { recursive: true });
  const source = { ID: "alpine", Name: "Alpine Secdb", URL: "https://secdb.alpinelinux.org/" };
  const release = `alpine ${ALPINE}`;
  const packages: Record<string, Record<string, string>> = {};
  for (const one of advisories) {
    packages[one.package] = { ...packages[one.package], [one.id]: JSON.stringify({ FixedVersion: one.fixedIn }) };
  }
  const details = advisories.map((one) => [one.id, JSON.stringify({ Title: one.id, Severity: one.severity })]);
  const buckets = {
    [release]: packages,
    "data-source": { [release]: JSON.stringify(source) },
    vulnerability: Object.fromEntries(details),
  };
  const { code, stderr } = await run(boltWrite, [join(folder, "db/trivy.db")], {}, JSON.stringify(buckets));
  if (code !== 0) throw new Error(`bolt-write ended with ${code}: ${stderr}`);
  const at = new Date(atMs).toISOString();
  const metadata = {
    Version: 2,
    NextUpdate: new Date(atMs + 86_400_000).toISOString(),
    UpdatedAt: at,
    DownloadedAt: at,
  };
  writeFileSync(join(folder, "db/metadata.json"), JSON.stringify(metadata));
}

/** The files by which trivy knows an Alpine image and its packages. */
export function alpineFiles(
  packages: readonly (readonly [name: string, version: string])[],
): { path: string; text: string }[] {
  const installed = packages
    .map(([name, version]) => `P:${name}\nV:${version}\nA:x86_64\no:${name}\nL:MIT\n\n`)
    .join("");
  return [
    { path: "etc/alpine-release", text: `${ALPINE}.0\n` },
    { path: "etc/os-release", text: `ID=alpine\nVERSION_ID=${ALPINE}.0\n` },
    { path: "lib/apk/db/installed", text: installed },
  ];
}
