import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { openScanStore } from "../../scanner/store.ts";
import { openShop, pod, policySpec, type Shop } from "../admission/support/webhook.ts";
import { run } from "./support/run.ts";

let shop: Shop;
const folder = mkdtempSync(join(tmpdir(), "outrider-check-"));
const file = (name: string, ...objects: object[]) => {
  writeFileSync(join(folder, name), objects.map((object) => stringify(object)).join("---\n"));
  return join(folder, name);
};

beforeAll(async () => {
  shop = await openShop();
  for (const [name, spec] of [
    ["policies", policySpec(shop)],
    ["unscanned", { ...policySpec(shop), authorities: (policySpec(shop)["authorities"] as object[]).slice(0, 1) }],
  ] as const) {
    mkdirSync(join(folder, name));
    file(`${name}/production.yaml`, {
      apiVersion: "outrider.dev/v1alpha1",
      kind: "ImagePolicy",
      metadata: { name: "production" },
      spec,
    });
  }
});

afterAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  await shop.registry.close();
});

const check = (files: readonly string[], ...more: string[]) =>
  run([
    "check",
    ...files,
    "--policies",
    join(folder, "policies"),
    "--registry",
    `${shop.registry.host}=plain`,
    ...more,
  ]);

describe("outrider check", () => {
  it("admits what the gate would admit, tags included, as pods are pinned when they are made", async () => {
    const { code, stdout } = await check([file("good.yaml", pod(shop.images.good))]);
    expect(stdout).toMatch(/^admitted {2}Pod shop\/web-1 {2}\(1 of 1 image passes\)\n/);
    expect(stdout).toContain("signed by acme-release; scan: attestation by acme-scanner, 2 h old");
    expect(code).toBe(0);
  });

  it("refuses with every fault, the worst object first, and exits with 1", async () => {
    const bad = pod(
      shop.images.good,
      { initContainers: [{ name: "m", image: shop.images.unsigned }], hostPID: true },
      { name: "bad" },
    );
    const { code, stdout } = await check([file("mixed.yaml", pod(shop.images.good), bad)]);
    const digest = /@(sha256:[0-9a-f]{64})/.exec(stdout)?.[1];
    expect(stdout.split("\n").slice(0, 13)).toEqual([
      "refused  Pod shop/bad  (1 of 2 images pass)",
      "",
      `  deny      spec.initContainers[0].image  ${shop.images.unsigned}`,
      "            IMG_UNSIGNED: found an attestation of type vuln by acme-scanner, no signature, expected one by acme-release",
      `            fix: cosign sign --key <release key> ${shop.images.unsigned.replace(":1.0.0", "")}@${digest}`,
      "            rule: ImagePolicy production",
      "            not signed; scan: attestation by acme-scanner, 2 h old",
      "  deny      spec                          pod security baseline",
      "            PSS_HOST_NAMESPACE: spec.hostPID: found hostPID: true, expected the host's namespaces not shared",
      "            fix: remove hostPID",
      "            rule: Pod Security baseline (ImagePolicy production)",
      "            in the standard's words: host namespaces (hostPID=true)",
      `  allow     spec.containers[0].image      ${shop.images.good}`,
    ]);
    expect(stdout.indexOf("refused")).toBeLessThan(stdout.indexOf("admitted"));
    expect(code).toBe(1);
  });

  it("says the same in JSON, one object a line", async () => {
    const { code, stdout } = await check([file("json.yaml", pod(shop.images.unsigned))], "--json");
    const [line, ...rest] = stdout.trimEnd().split("\n");
    expect(rest).toEqual([]);
    expect(JSON.parse(line ?? "")).toMatchObject({
      verdict: "refused",
      subject: "Pod shop/web-1",
      source: `${join(folder, "json.yaml")}:1`,
      parts: expect.arrayContaining([
        expect.objectContaining({ decision: "deny", violations: [expect.objectContaining({ code: "IMG_UNSIGNED" })] }),
      ]),
    });
    expect(code).toBe(1);
  });

  it("takes the namespace's own level from the cluster's manifests", async () => {
    mkdirSync(join(folder, "cluster"), { recursive: true });
    file("cluster/ns.yaml", {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "shop", labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    const { stdout } = await check([file("level.yaml", pod(shop.images.good))], "--cluster", join(folder, "cluster"));
    expect(stdout).toContain("PSS_RUN_AS_NON_ROOT");
    expect(stdout).toContain("Pod Security restricted (Namespace shop)");
  });

  it("believes our own scan of the digest where no scanner attests", async () => {
    const policies = ["--policies", join(folder, "unscanned"), "--registry", `${shop.registry.host}=plain`];
    const manifest = file("scanned.yaml", pod(shop.images.good));
    const before = await run(["check", manifest, ...policies]);
    expect(before.stdout).toContain("IMG_UNSCANNED");
    const digest = /sha256:[0-9a-f]{64}/.exec((await check([manifest], "--json")).stdout)?.[0] as `sha256:${string}`;
    const store = openScanStore(join(folder, "scans.sqlite"));
    store.put({
      digest,
      source: "trivy 0.67.2",
      finishedAtMs: Date.now(),
      databaseAtMs: Date.now(),
      findings: [],
    });
    store.close();
    const after = await run(["check", manifest, ...policies, "--scans", join(folder, "scans.sqlite")]);
    expect(after.stdout).toContain(`scan: trivy 0.67.2, db of ${new Date().toISOString().slice(0, 10)}`);
    expect(after.code).toBe(0);
  });

  it("takes folders, and leaves out what holds no pod", async () => {
    mkdirSync(join(folder, "app"), { recursive: true });
    file("app/service.yaml", { apiVersion: "v1", kind: "Service", metadata: { name: "web" }, spec: {} });
    file("app/pod.yaml", pod(shop.images.good));
    const { code, stdout } = await check([join(folder, "app")]);
    expect(stdout.trimEnd().split("\n\n")).toHaveLength(2);
    expect(code).toBe(0);
  });
});

describe("outrider check is given something wrong: exit code 2, nothing judged", () => {
  const cases: [given: string, args: () => string[], says: RegExp][] = [
    ["a file that is not there", () => [join(folder, "nothing.yaml")], /CONFIG_UNREADABLE.*nothing\.yaml/],
    ["a file that is no YAML", () => [broken()], /CONFIG_INVALID.*line 3 column 1/s],
    [
      "an object without a kind",
      () => [file("kindless.yaml", { apiVersion: "v1" })],
      /CONFIG_INVALID.*kindless\.yaml:1/,
    ],
    [
      "files without a pod",
      () => [file("service.yaml", { apiVersion: "v1", kind: "Service", metadata: { name: "a" } })],
      /CLI_NOTHING_TO_CHECK/,
    ],
    ["a registry it cannot read", () => [file("a.yaml", pod("a")), "--registry", "host"], /CLI_OPTION.*host=plain/],
  ];
  const broken = () => {
    writeFileSync(join(folder, "broken.yaml"), "a: 1\nb: [\n");
    return join(folder, "broken.yaml");
  };
  it.each(cases)("%s", async (_, args, says) => {
    const { code, stdout, stderr } = await check(args());
    expect(stderr).toMatch(says);
    expect(stderr).toMatch(/\nhint: /);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });

  it("policies with problems, all of them at once", async () => {
    mkdirSync(join(folder, "wrong"), { recursive: true });
    const head = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy" };
    file("wrong/a.yaml", { ...head, metadata: { name: "a" }, spec: { match: { images: ["a/**"] }, mode: "enforced" } });
    file("wrong/b.yaml", {
      ...head,
      metadata: { name: "b" },
      spec: { match: { images: ["a/**"] }, signatures: { require: "any" } },
    });
    const { code, stderr } = await run(["check", file("x.yaml", pod("a")), "--policies", join(folder, "wrong")]);
    expect(stderr).toContain("spec.mode");
    expect(stderr).toContain("spec.signatures.require");
    expect(code).toBe(2);
  });
});
