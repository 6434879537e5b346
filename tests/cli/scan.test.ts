import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type EmbeddedRegistry, type PushedImage, pushImage, startRegistry } from "../../cli/demo/registry/registry.ts";
import { openScanStore } from "../../scanner/store.ts";
import { run } from "./support/run.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-scan-"));
const PATH = process.env["PATH"] ?? "";
let registry: EmbeddedRegistry;
let image: PushedImage;

beforeAll(async () => {
  registry = await startRegistry({ host: "127.0.0.1", port: 0 });
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
});

afterEach(() => {
  process.env["PATH"] = PATH;
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await registry.close();
});

/** Puts a program named trivy on the PATH that finds one critical and one low vulnerability. */
function installTrivy(): void {
  const Vulnerabilities = [
    { VulnerabilityID: "CVE-1", PkgName: "a", InstalledVersion: "1", Severity: "LOW" },
    { VulnerabilityID: "CVE-2", PkgName: "b", InstalledVersion: "1", FixedVersion: "2", Severity: "CRITICAL" },
  ];
  const report = { SchemaVersion: 2, ArtifactName: image.pinned, Results: [{ Target: "a", Vulnerabilities }] };
  const version = { Version: "0.67.2", VulnerabilityDB: { UpdatedAt: "2026-11-20T06:00:00Z" } };
  mkdirSync(join(folder, "bin"), { recursive: true });
  writeFileSync(
    join(folder, "bin/trivy"),
    `#!/bin/sh\n[ "$1" = version ] && echo '${JSON.stringify(version)}' || echo '${JSON.stringify(report)}'\n`,
  );
  chmodSync(join(folder, "bin/trivy"), 0o700);
  process.env["PATH"] = `${join(folder, "bin")}:${PATH}`;
}

const scan = (...more: string[]) => run(["scan", image.reference, "--registry", `${registry.host}=plain`, ...more]);

describe("outrider scan", () => {
  it("prints what trivy found in the digest, the worst first, and on whose word", async () => {
    installTrivy();
    const { code, stdout } = await scan();
    expect(stdout.split("\n")).toEqual([
      `scanned  ${image.pinned}  (1 critical, 1 low)`,
      "",
      "  critical  CVE-2                b@1  fixed in 2",
      "  low       CVE-1                a@1  no fix yet",
      "",
      "  scan: trivy 0.67.2, db of 2026-11-20",
      "",
    ]);
    expect(code).toBe(0);
  });

  it.each([
    ["critical", 1],
    ["low", 1],
  ])("exits with 1 when something is %s or worse and that was asked for", async (severity, code) => {
    installTrivy();
    const ran = await scan("--fail-on", severity);
    expect(ran.code).toBe(code);
    expect(ran.stdout).toMatch(/^refused/);
  });

  it("keeps the result for the gate", async () => {
    installTrivy();
    await scan("--store", join(folder, "scans.sqlite"), "--json");
    const store = openScanStore(join(folder, "scans.sqlite"));
    expect(store.newest(image.digest)).toMatchObject({
      source: "trivy 0.67.2",
      findings: [{ id: "CVE-1" }, { id: "CVE-2" }],
    });
    store.close();
  });

  const cases: [given: string, args: readonly string[], code: number, says: RegExp][] = [
    ["without trivy", [], 2, /BINARY_MISSING: trivy: not found\nhint: install trivy/],
    ["of an unheard-of severity", ["--fail-on", "awful"], 2, /argument 'awful' is invalid/],
  ];
  it.each(cases)("%s: says so and exits with %s", async (_, args, code, says) => {
    process.env["PATH"] = join(folder, "empty");
    const ran = await scan(...args);
    expect(ran.stderr).toMatch(says);
    expect(ran.code).toBe(code);
  });

  it("of an image that is not there", async () => {
    const ran = await run(["scan", `${registry.host}/shop/nothing:1`, "--registry", `${registry.host}=plain`]);
    expect(ran).toMatchObject({ code: 1, stderr: expect.stringContaining("the registry has no such image") });
  });

  it("of something that is no reference", async () => {
    expect(await run(["scan", "UPPER"])).toMatchObject({ code: 2, stderr: expect.stringContaining("REF_INVALID") });
  });
});
