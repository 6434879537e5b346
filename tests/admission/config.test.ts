import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { readAdmissionConfig } from "../../admission/config.ts";
import { logOptions } from "../../admission/record/audit-config.ts";
import { LOG_DEFAULTS } from "../../admission/record/log-options.ts";
import { STORE_LIMIT_BYTES } from "../../core/images/cache/fact-store.ts";
import { CACHE_BYTES } from "../../core/images/evidence-cache.ts";
import { VERIFY_THREADS } from "../../core/images/workers/pool.ts";

const MIB = 1024 * 1024;
const folder = mkdtempSync(join(tmpdir(), "outrider-config-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const GOOD = {
  listen: "127.0.0.3:8443",
  serverNames: ["127.0.0.3"],
  stateDir: "./state",
  caFile: "./ca.pem",
  admin: { listen: "127.0.0.3:9443" },
  policies: { folder: "./policies" },
};

function read(config: object) {
  const file = join(folder, "admission.yaml");
  writeFileSync(file, stringify(config));
  return readAdmissionConfig(file);
}

describe("the webhook's configuration", () => {
  it("has its paths beside its own file", () => {
    const config = read({ ...GOOD, scanStore: "scans.sqlite" });
    expect(config).toMatchObject({
      stateDir: join(folder, "state"),
      policies: { folder: join(folder, "policies") },
      scanStore: join(folder, "scans.sqlite"),
    });
  });

  it("keeps the decision log as its defaults say, and in other units where it is told to", () => {
    const audit = { rotateMiB: 1, rotateAge: "1h", checkpointEvery: { time: "250ms" }, sync: "write" };
    expect(logOptions(read(GOOD).audit, LOG_DEFAULTS.tell)).toEqual(LOG_DEFAULTS);
    expect(logOptions(read({ ...GOOD, audit }).audit, LOG_DEFAULTS.tell)).toMatchObject({
      rotateBytes: 1024 * 1024,
      rotateAgeMs: 3_600_000,
      checkpointEvery: { records: LOG_DEFAULTS.checkpointEvery.records, ms: 250 },
      sync: "write",
    });
    expect(() => read({ ...GOOD, audit: { rotateAge: "0s" } })).toThrow("audit.rotateAge");
  });

  it("keeps evidence and verifies it in threads within limits that have defaults", () => {
    expect(read(GOOD)).toMatchObject({
      evidenceCache: { memoryMiB: CACHE_BYTES / MIB, diskMiB: STORE_LIMIT_BYTES / MIB },
      verify: { threads: VERIFY_THREADS },
    });
    expect(read({ ...GOOD, evidenceCache: { diskMiB: 0 }, verify: { threads: 4 } })).toMatchObject({
      evidenceCache: { memoryMiB: CACHE_BYTES / MIB, diskMiB: 0 },
      verify: { threads: 4 },
    });
    expect(() => read({ ...GOOD, verify: { threads: 0 } })).toThrow("verify.threads");
    expect(() => read({ ...GOOD, evidenceCache: { memoryMiB: -1 } })).toThrow("evidenceCache.memoryMiB");
  });

  it("is refused with every problem at once", () => {
    const wrong = { ...GOOD, listen: "8443", serverNames: [], sidecar: { image: "a/sidecar:1" }, polices: {} };
    const message = (() => {
      try {
        return String(read(wrong));
      } catch (thrown) {
        return (thrown as Error).message;
      }
    })();
    for (const problem of [
      "listen: expected host:port",
      "serverNames: expected at least one",
      "sidecar.image: expected an image pinned by digest",
      'polices: unknown key (did you mean "policies"?)',
    ]) {
      expect(message).toContain(problem);
    }
  });
});
