import { dirname, join } from "node:path";
import { expect, it } from "@jest/globals";
import { runDemo } from "../support/demo.ts";
import { describeWith } from "../support/parts.ts";
import { ownFolder } from "./support/program.ts";
import { writeTrivyCache } from "./support/trivy-database.ts";

describeWith(["trivy", "bolt-write"], "the demo, where trivy and a database are present", (paths) => {
  it("scans for real, and the verdict says with what", async () => {
    const folder = ownFolder();
    const cache = join(folder.path, "cache");
    const advisory = { id: "CVE-2022-37434", package: "zlib", fixedIn: "1.2.12-r2", severity: "CRITICAL" } as const;
    await writeTrivyCache(paths["bolt-write"], cache, [advisory], Date.now());
    const before = process.env["PATH"];
    process.env["PATH"] = `${dirname(paths.trivy)}:${before}`;
    process.env["TRIVY_CACHE_DIR"] = cache;
    try {
      const run = await runDemo();
      expect(run.stdout).toMatch(/shop\/web:1\.4\.2 .*trivy \d+\.\d+\.\d+: 0 findings/);
      expect(run.stdout).toMatch(
        /shop\/web:1\.4\.2@sha256:\S+ signed by acme-release; scan: trivy \d+\.\d+\.\d+, db of /,
      );
      expect(run.code).toBe(0);
    } finally {
      process.env["PATH"] = before;
      delete process.env["TRIVY_CACHE_DIR"];
      folder.remove();
    }
  }, 90_000);
});
