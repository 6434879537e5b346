import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { createBackgroundScans } from "../../admission/sources/scans.ts";
import { pushImage } from "../../cli/demo/registry/registry.ts";
import { signCosignSimple } from "../../cli/demo/signing/signing.ts";
import { CodedError } from "../../core/base/errors.ts";
import { silentLog } from "../../core/base/log.ts";
import type { Digest, ScanResult } from "../../core/policy/evidence.ts";
import { openShop, pod, policySpec, RELEASE, type Shop, startWebhook, type Webhook } from "./support/webhook.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-scans-"));
let shop: Shop;

beforeAll(async () => {
  shop = await openShop();
});
afterAll(async () => {
  await shop.registry.close();
  rmSync(folder, { recursive: true, force: true });
});

let count = 0;
/** A signed image that nobody has scanned. */
async function unscanned(): Promise<string> {
  const image = await pushImage(shop.registry, { repository: `shop/unscanned-${++count}`, tag: "1" });
  await signCosignSimple(shop.registry, image, RELEASE);
  return image.pinned;
}

/** A program in trivy's place; `scan` is shell text for `trivy image … REFERENCE`. */
function trivy(scan: string): string {
  const file = join(folder, `trivy-${++count}`);
  const version = JSON.stringify({ Version: "0.67.2", VulnerabilityDB: { UpdatedAt: new Date().toISOString() } });
  const head = `#!/bin/sh\nif [ "$1" = version ]; then echo '${version}'; exit 0; fi\nfor last; do :; done\n`;
  writeFileSync(file, `${head}${scan}\n`);
  chmodSync(file, 0o700);
  return file;
}

const report = (vulnerabilities: object[]) =>
  trivy(
    `echo '{"SchemaVersion":2,"Results":[{"Target":"a","Vulnerabilities":${JSON.stringify(vulnerabilities)}}],"ArtifactName":"'"$last"'"}'`,
  );

/** Reviews until the answer is another than that a scan is queued. */
async function settled(webhook: Webhook, image: string): Promise<string> {
  for (;;) {
    const { status, auditAnnotations } = await webhook.validate(pod(image));
    const said = status?.message ?? Object.values(auditAnnotations ?? {}).join("\n");
    if (!said.includes("scan queued")) return said;
    await sleep(20);
  }
}

async function withTrivy<T>(path: string, look: (webhook: Webhook) => Promise<T>): Promise<T> {
  const options = { scanStore: "./scans.sqlite", trivy: { path, offline: true } };
  const webhook = await startWebhook(shop, { ...options, policies: { p: policySpec(shop) } });
  try {
    return await look(webhook);
  } finally {
    await webhook.close();
  }
}

describe("an image that nobody has scanned", () => {
  it("is refused at once, the answer says that a scan is queued, and the next review has it", async () => {
    const image = await unscanned();
    await withTrivy(report([]), async (webhook) => {
      const first = (await webhook.validate(pod(image))).status?.message ?? "(admitted)";
      expect(first).toMatch(/IMG_UNSCANNED: found no scan; scan queued, retry in a minute/);
      expect(await settled(webhook, image)).toMatch(/^admitted.*\n.*scan: trivy 0\.67\.2, db of 20/s);
    });
  });

  it("is refused for what the scan finds", async () => {
    const image = await unscanned();
    const found = report([{ VulnerabilityID: "CVE-1", PkgName: "a", InstalledVersion: "1", Severity: "CRITICAL" }]);
    expect(await withTrivy(found, (webhook) => settled(webhook, image))).toMatch(/IMG_VULNERABLE: found CVE-1/);
  });

  const failing: [given: string, path: () => string, code: RegExp][] = [
    ["without a database", () => trivy("echo 'FATAL init error: DB error: none' >&2; exit 1"), /SCAN_DATABASE_MISSING/],
    ["without trivy", () => join(folder, "none"), /BINARY_MISSING/],
    ["when trivy prints nothing", () => trivy("exit 0"), /SCAN_FAILED/],
  ];
  it.each(failing)("stays refused %s, and the answer says why", async (_, path, code) => {
    const image = await unscanned();
    const said = await withTrivy(path(), (webhook) => settled(webhook, image));
    expect(said).toMatch(/IMG_UNSCANNED: found no scan; its last scan failed: /);
    expect(said).toMatch(code);
  });
});

describe("background scans", () => {
  const digest = (n: number): Digest => `sha256:${n.toString(16).padStart(64, "0")}`;
  const image = { registry: "ghcr.io", repository: "acme/web" };
  const scansWith = (scan: () => Promise<ScanResult>, nowMs = () => 0) =>
    createBackgroundScans({
      store: { put: () => {} },
      scan,
      registries: [],
      clock: nowMs,
      log: silentLog,
      limit: 2,
    });

  it("are bounded: more than may wait are not queued, and the answer says so", () => {
    let started = 0;
    const scans = scansWith(() => {
      started++;
      return new Promise(() => {});
    });
    const said = [1, 2, 3, 4, 1].map((n) => scans.want(image, digest(n)));
    expect(said.map((text) => text.startsWith("scan queued"))).toEqual([true, true, true, false, true]);
    expect(said[3]).toBe("not queued for a scan: 2 are waiting already");
    expect(started).toBe(1);
  });

  it("that failed are not tried again before a minute has passed", async () => {
    let [started, nowMs] = [0, 0];
    const scans = scansWith(
      () => {
        started++;
        return Promise.reject(new CodedError("SCAN_FAILED", "no", "fix"));
      },
      () => nowMs,
    );
    scans.want(image, digest(1));
    await sleep(1);
    expect(scans.want(image, digest(1))).toBe("its last scan failed: SCAN_FAILED: no");
    nowMs = 61_000;
    expect(scans.want(image, digest(1))).toMatch(/^scan queued/);
    expect(started).toBe(2);
  });
});
