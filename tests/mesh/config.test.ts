import { describe, expect, it } from "@jest/globals";
import { validate } from "../../core/base/config.ts";
import { meshConfig } from "../../mesh/config.ts";

const GOOD = {
  trustDomain: "shop.test",
  stateDir: "./state",
  bundleFile: "./bundle.pem",
  cluster: { folder: "./manifests" },
  ca: { listen: "127.0.0.1:15012" },
  snapshots: { listen: "127.0.0.1:15010" },
  admin: { listen: "127.0.0.1:15014" },
  tokens: { jwks: "./jwks.json", issuer: "https://kubernetes.default.svc" },
};

describe("the mesh's configuration", () => {
  it("is strict, relists every minute and signs for a day unless it says otherwise", () => {
    expect(validate(meshConfig, GOOD, "mesh.yaml")).toMatchObject({
      mtls: "strict",
      cluster: { relistInterval: 60_000 },
      ca: { listen: { host: "127.0.0.1", port: 15_012 }, certificateTtl: 86_400_000 },
      tokens: { audience: "outrider-ca" },
    });
  });

  it("says every problem at once", () => {
    const bad = {
      ...GOOD,
      trustDomain: "Shop.test",
      ca: { listen: "15012", certificateTtl: "10s" },
      cluster: { folder: "./manifests", relistInterval: 60 },
      collector: "127.0.0.1:4318",
      mtls: "maybe",
      trust: 1,
    };
    const problem = (() => {
      try {
        validate(meshConfig, bad, "mesh.yaml");
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(problem).toContain("mesh.yaml: 7 problems");
    for (const path of [
      "trustDomain",
      "ca.listen",
      "ca.certificateTtl",
      "cluster.relistInterval",
      "collector",
      "mtls",
      "trust",
    ]) {
      expect(problem).toContain(`\n  ${path}: `);
    }
  });
});
