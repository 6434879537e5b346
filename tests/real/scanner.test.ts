import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { pushImage } from "../../cli/demo/registry/registry.ts";
import { signCosignSimple } from "../../cli/demo/signing/signing.ts";
import { collectImageEvidence } from "../../core/images/evidence.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import type { Digest, ScanResult } from "../../core/policy/evidence.ts";
import { scanWithTrivy, trivyVersion } from "../../scanner/trivy.ts";
import { PARTS } from "../../tools/parts.mjs";
import { openShop, pod, RELEASE, startWebhook } from "../admission/support/webhook.ts";
import { describeWith } from "../support/parts.ts";
import { prepareCosign } from "./support/cosign.ts";
import { writeImage } from "./support/image.ts";
import { must, ownFolder, run } from "./support/program.ts";
import { type RunningRegistry, startReferrersRegistry } from "./support/registries.ts";
import { alpineFiles, writeTrivyCache } from "./support/trivy-database.ts";

const START_MS = 60_000;
const DATABASE_MS = Date.parse("2026-11-01T06:00:00Z");
const NOW_MS = Date.parse("2026-11-02T06:00:00Z");

describeWith(["trivy", "bolt-write", "referrers-registry", "skopeo", "cosign"], "a scan by real trivy", (paths) => {
  const folder = ownFolder();
  const cache = () => join(folder.path, "cache");
  const empty = () => join(folder.path, "empty-cache");
  let registry: RunningRegistry;
  let vulnerable: Digest;
  let clean: Digest;

  beforeAll(async () => {
    registry = await startReferrersRegistry(paths["referrers-registry"]);
    mkdirSync(empty());
    const advisory = { id: "CVE-2022-37434", package: "zlib", fixedIn: "1.2.12-r2", severity: "CRITICAL" } as const;
    await writeTrivyCache(paths["bolt-write"], cache(), [advisory], DATABASE_MS);
    vulnerable = await push("vulnerable", "1.2.11-r0");
    clean = await push("clean", "1.2.13-r1");
  }, START_MS);

  afterAll(async () => {
    await registry?.stop();
    folder.remove();
  });

  async function push(name: string, zlib: string): Promise<Digest> {
    const layout = join(folder.path, name);
    const digest = writeImage(layout, alpineFiles([["zlib", zlib]]));
    const to = `docker://${registry.host}/shop/scanned:${name}`;
    await must(paths.skopeo, ["copy", "--preserve-digests", "--dest-tls-verify=false", `oci:${layout}:latest`, to]);
    return digest as Digest;
  }

  const options = (cacheDir: string) => ({
    binary: paths.trivy,
    env: environment(),
    cacheDir,
    offline: true,
    clock: () => NOW_MS,
  });

  function scan(digest: Digest, cacheDir = cache()): Promise<ScanResult> {
    const target = { repository: `${registry.host}/shop/scanned`, digest, plainHttp: true };
    return scanWithTrivy(target, options(cacheDir), AbortSignal.timeout(START_MS));
  }

  /** A home of its own: trivy reads nothing of the user's. */
  function environment(): Record<string, string> {
    return { PATH: process.env["PATH"] ?? "", HOME: folder.path };
  }

  it("finds what the database knows, with its package and the version that mends it", async () => {
    expect(await scan(vulnerable)).toEqual({
      digest: vulnerable,
      source: `trivy ${PARTS.trivy.version.slice(1)}`,
      finishedAtMs: NOW_MS,
      databaseAtMs: DATABASE_MS,
      findings: [
        {
          id: "CVE-2022-37434",
          severity: "critical",
          package: expect.stringMatching(/^pkg:apk\/alpine\/zlib@1\.2\.11-r0/),
          fixedIn: "1.2.12-r2",
        },
      ],
    });
  });

  it("finds nothing in the version that is mended", async () => {
    expect(await scan(clean)).toMatchObject({ digest: clean, findings: [] });
  });

  it("says which trivy and which database it would use", async () => {
    const version = await trivyVersion(options(cache()), AbortSignal.timeout(START_MS));
    expect(version).toEqual({ version: PARTS.trivy.version.slice(1), databaseAtMs: DATABASE_MS });
  });

  it("fails without a database, and is never clean", async () => {
    await expect(scan(clean, empty())).rejects.toMatchObject({
      code: "SCAN_DATABASE_MISSING",
      message: expect.stringContaining("first run"),
      fix: expect.stringContaining("--download-db-only"),
    });
  });

  it("fails for an image that is not there, and is never clean", async () => {
    const absent: Digest = `sha256:${"0".repeat(64)}`;
    await expect(scan(absent)).rejects.toMatchObject({ code: "SCAN_FAILED" });
  });

  it("is what the gate admits by, once it has run in the background", async () => {
    const shop = await openShop();
    const recent = join(folder.path, "recent-cache");
    await writeTrivyCache(paths["bolt-write"], recent, [], Date.now());
    const files = Object.fromEntries(alpineFiles([["zlib", "1.2.13-r1"]]).map(({ path, text }) => [`/${path}`, text]));
    const image = await pushImage(shop.registry, { repository: "shop/unscanned", tag: "1", files });
    await signCosignSimple(shop.registry, image, RELEASE);
    const trivy = { path: paths.trivy, cacheDir: recent, offline: true };
    const webhook = await startWebhook(shop, { scanStore: "./scans.sqlite", trivy });
    const said = async () => {
      const { status, auditAnnotations } = await webhook.validate(pod(image.pinned));
      return status?.message ?? Object.values(auditAnnotations ?? {}).join("\n");
    };
    let answer = await said();
    expect(answer).toContain("scan queued, retry in a minute");
    for (; answer.includes("scan queued"); answer = await said()) await sleep(200);
    await webhook.close();
    await shop.registry.close();
    expect(answer).toMatch(/^admitted.*scan: trivy .*, db of /s);
  });

  it("is evidence once it is attested as a denial for want of a scan says", async () => {
    const cosign = await prepareCosign(paths.cosign, folder.path);
    const reference = `${registry.host}/shop/scanned@${vulnerable}`;
    const report = join(folder.path, "scan.json");
    const offline = ["--offline-scan", "--skip-db-update", "--skip-java-db-update", "--cache-dir", cache()];
    const quiet = ["--quiet", "--skip-version-check", "--disable-telemetry", "--image-src", "remote"];
    const args = ["image", "--format", "cosign-vuln", "-o", report, ...offline, ...quiet, reference];
    await must(paths.trivy, args, { ...environment(), TRIVY_NON_SSL: "true" });
    await cosign.attest(reference, "vuln", report);
    const client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
    const scanner = { name: "acme-scanner", role: "scanner" as const, key: cosign.publicKeyPem };
    const evidence = await collectImageEvidence(
      reference,
      [scanner],
      { registry: client },
      AbortSignal.timeout(START_MS),
    );
    await client.close();
    const findings = [expect.objectContaining({ id: "CVE-2022-37434", severity: "critical" })];
    expect(evidence.scan).toMatchObject({
      kind: "found",
      value: { digest: vulnerable, source: "attestation by acme-scanner", findings },
    });
  });

  it("lists an image's packages without any database", async () => {
    const reference = `${registry.host}/shop/scanned@${clean}`;
    const args = [
      "image",
      "--format",
      "cyclonedx",
      "--quiet",
      "--offline-scan",
      "--skip-version-check",
      "--disable-telemetry",
    ];
    const cached = ["--cache-dir", empty(), "--cache-backend", "memory", "--image-src", "remote", reference];
    const { code, stdout } = await run(paths.trivy, [...args, ...cached], { ...environment(), TRIVY_NON_SSL: "true" });
    expect(code).toBe(0);
    const { components } = JSON.parse(stdout) as { components: { name: string; version?: string }[] };
    expect(components).toContainEqual(expect.objectContaining({ name: "zlib", version: "1.2.13-r1" }));
  });
});
