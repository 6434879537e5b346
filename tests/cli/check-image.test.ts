import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openShop, pod, policySpec, type Shop } from "../admission/support/webhook.ts";
import { run } from "./support/run.ts";

let shop: Shop;
const folder = mkdtempSync(join(tmpdir(), "outrider-check-image-"));

beforeAll(async () => {
  shop = await openShop();
  mkdirSync(join(folder, "policies"));
  const spec = { ...policySpec(shop), pods: { podSecurity: "restricted" } };
  const policy = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name: "production" }, spec };
  writeFileSync(join(folder, "policies/production.yaml"), JSON.stringify(policy));
});
afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await shop.registry.close();
});

const check = (...more: string[]) =>
  run([
    "check",
    "--policies",
    join(folder, "policies"),
    "--registry",
    `${shop.registry.host}=plain`,
    "--namespace",
    "shop",
    ...more,
  ]);

describe("outrider check --image", () => {
  it("judges an image by itself, and tells the evidence of every kind", async () => {
    const { code, stdout } = await check("--image", shop.images.good);
    expect(stdout.split("\n")).toEqual([
      `admitted  image ${shop.images.good}  (1 of 1 image passes)`,
      "",
      `  allow     spec.containers[0].image  ${shop.images.good}`,
      "            signed by acme-release; scan: attestation by acme-scanner, 2 h old",
      `  evidence  ${shop.images.good}  for acme-release, acme-scanner`,
      expect.stringMatching(/^ {12}signature {4}by acme-release, (bundle-v0\.3|cosign-simple)$/),
      expect.stringMatching(
        /^ {12}attestation {2}by acme-scanner, https:\/\/cosign.sigstore.dev\/attestation\/vuln\/v1/,
      ),
      expect.stringMatching(/^ {12}scan {9}attestation by acme-scanner, finished at 20[0-9T:-]+Z, \d+ findings?$/),
      "",
      "",
    ]);
    expect(code).toBe(0);
  });

  it("says why something that is there does not count", async () => {
    const { code, stdout } = await check("--image", shop.images.unsigned, "--image", shop.images.good);
    expect(stdout).toMatch(/^refused {2}image /);
    expect(stdout).toContain(
      "            signature    none: an attestation of type vuln by acme-scanner, no signature",
    );
    expect(code).toBe(1);
  });

  it("says so when the registry has no such image", async () => {
    const { code, stdout } = await check(
      "--image",
      `${shop.registry.host}/shop/web@sha256:${"0".repeat(64)}`,
      "--json",
    );
    expect(JSON.parse(stdout)).toMatchObject({ verdict: "refused", evidence: [{ signatures: { kind: "absent" } }] });
    expect(code).toBe(1);
  });

  it("tells the same in JSON", async () => {
    const { stdout } = await check("--image", shop.images.good, "--json");
    expect(JSON.parse(stdout)).toMatchObject({
      verdict: "admitted",
      subject: `image ${shop.images.good}`,
      evidence: [
        {
          image: shop.images.good,
          authorities: ["acme-release", "acme-scanner"],
          signatures: { kind: "found", value: [{ signer: "acme-release", role: "release" }] },
          scan: { kind: "found" },
        },
      ],
    });
  });

  it("tells the evidence of manifests' images where it is asked to", async () => {
    const file = join(folder, "pod.yaml");
    writeFileSync(file, JSON.stringify(pod(shop.images.good)));
    expect((await check(file)).stdout).not.toContain("evidence  ");
    expect((await check(file, "--evidence")).stdout).toContain(`  evidence  ${shop.images.good}  for acme-release`);
  });

  it("wants something to check", async () => {
    const { code, stderr } = await check();
    expect(stderr).toContain("CLI_NOTHING_TO_CHECK");
    expect(code).toBe(2);
  });
});
