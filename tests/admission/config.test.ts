import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { readAdmissionConfig } from "../../admission/config.ts";

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
