import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import type { Digest } from "../../core/policy/evidence.ts";
import { scanWithTrivy } from "../../scanner/trivy.ts";

const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const TARGET = { repository: "ghcr.io/acme/web", digest: DIGEST };
const REPORT = {
  SchemaVersion: 2,
  ArtifactName: `ghcr.io/acme/web@${DIGEST}`,
  Metadata: { OS: { Family: "alpine", Name: "3.22" }, RepoDigests: [`ghcr.io/acme/web@${DIGEST}`] },
  Results: [
    {
      Target: "web",
      Class: "os-pkgs",
      Vulnerabilities: [{ VulnerabilityID: "CVE-1", PkgName: "a", Severity: "HIGH" }],
    },
  ],
};
const VERSION = { Version: "0.67.2", VulnerabilityDB: { UpdatedAt: "2026-11-20T06:00:00Z" } };
const NOW = Date.parse("2026-11-21T12:00:00Z");

const folder = mkdtempSync(join(tmpdir(), "outrider-trivy-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let scripts = 0;
/** A program that answers as trivy does; `image` is the shell text it runs for a scan. */
function trivy(image: string): string {
  const file = join(folder, `trivy-${scripts++}`);
  writeFileSync(
    file,
    `#!/bin/sh\nif [ "$1" = version ]; then echo '${JSON.stringify(VERSION)}'; exit 0; fi\n${image}\n`,
  );
  chmodSync(file, 0o700);
  return file;
}

const prints = (report: unknown) =>
  trivy(`cat <<'END'\n${typeof report === "string" ? report : JSON.stringify(report)}\nEND`);
const PATH = "/usr/bin:/bin";
const scan = (binary: string, more: object = {}) =>
  scanWithTrivy(TARGET, { binary, env: { PATH }, clock: () => NOW, ...more }, AbortSignal.timeout(10_000));

describe("a scan", () => {
  it("gives what trivy found, with its version and the date of its database", async () => {
    expect(await scan(prints(REPORT))).toEqual({
      digest: DIGEST,
      source: "trivy 0.67.2",
      finishedAtMs: NOW,
      databaseAtMs: Date.parse("2026-11-20T06:00:00Z"),
      findings: [{ id: "CVE-1", severity: "high", package: "a@" }],
    });
  });

  it("asks for the digest, in JSON, with a cache that two may use, and nothing sent home", async () => {
    const file = join(folder, "arguments");
    await scan(trivy(`echo "$@" > ${file}; cat <<'END'\n${JSON.stringify(REPORT)}\nEND`), {
      offline: true,
      cacheDir: "/c",
    });
    const asked = readFileSync(file, "utf8");
    for (const flag of [
      `ghcr.io/acme/web@${DIGEST}`,
      "--format json",
      "--cache-backend memory",
      "--disable-telemetry",
      "--skip-version-check",
      "--skip-db-update",
      "--offline-scan",
      "--cache-dir /c",
    ]) {
      expect(asked).toContain(flag);
    }
  });

  it("gives trivy no environment but what it is handed", async () => {
    const file = join(folder, "environment");
    await scan(trivy(`env > ${file}; cat <<'END'\n${JSON.stringify(REPORT)}\nEND`));
    const names = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .map((line) => line.split("=")[0]);
    expect(names.filter((name) => !["PATH", "PWD", "OLDPWD", "_", "SHLVL"].includes(name ?? ""))).toEqual([]);
  });

  it("of a registry without TLS says so to trivy", async () => {
    const file = join(folder, "plain");
    const binary = trivy(`env > ${file}; cat <<'END'\n${JSON.stringify(REPORT)}\nEND`);
    await scanWithTrivy(
      { ...TARGET, plainHttp: true },
      { binary, env: { PATH }, clock: () => NOW },
      AbortSignal.timeout(10_000),
    );
    expect(readFileSync(file, "utf8")).toContain("TRIVY_NON_SSL=true");
  });
});

describe("a scan that did not work is an error, never clean", () => {
  const other = `sha256:${"77".repeat(32)}`;
  const cases: [given: string, binary: () => string, code: string, says: RegExp][] = [
    ["when trivy is not there", () => join(folder, "no-such-trivy"), "BINARY_MISSING", /not found/],
    [
      "when it fails, with its last word",
      () => trivy("echo progress >&2; echo 'FATAL: no such image' >&2; exit 1"),
      "SCAN_FAILED",
      /FATAL: no such image/,
    ],
    ["when it crashes", () => trivy("kill -SEGV $$"), "SCAN_FAILED", /SIGSEGV|139/],
    ["when it succeeds and prints nothing", () => trivy("exit 0"), "SCAN_FAILED", /printed nothing/],
    ["when its report is cut", () => prints(JSON.stringify(REPORT).slice(0, 120)), "SCAN_FAILED", /no whole JSON/],
    ["when its report is an empty object", () => prints({}), "SCAN_REPORT_INVALID", /SchemaVersion/],
    [
      "when it did not recognise the system",
      () => prints({ ...REPORT, Metadata: {}, Results: [] }),
      "SCAN_REPORT_INVALID",
      /operating system/,
    ],
    [
      "when its report is about another image",
      () => prints({ ...REPORT, ArtifactName: "nginx" }),
      "SCAN_FAILED",
      /about nginx/,
    ],
    [
      "when its report is about another digest",
      () => prints({ ...REPORT, Metadata: { ...REPORT.Metadata, RepoDigests: [`a@${other}`] } }),
      "SCAN_FAILED",
      /about sha256:77/,
    ],
  ];
  it.each(cases)("%s", async (_, binary, code, says) => {
    await expect(scan(binary())).rejects.toMatchObject({
      code,
      message: expect.stringMatching(says),
      fix: expect.any(String),
    });
  });

  it("when it hangs: it is stopped", async () => {
    await expect(scan(trivy("exec sleep 60"), { deadlineMs: 100 })).rejects.toMatchObject({ code: "SCAN_TIMEOUT" });
  });

  it("when the caller has no more time", async () => {
    const signal = AbortSignal.timeout(100);
    const work = scanWithTrivy(TARGET, { binary: trivy("exec sleep 60"), env: { PATH }, clock: () => NOW }, signal);
    await expect(work).rejects.toMatchObject({ code: "SCAN_TIMEOUT" });
  });
});
