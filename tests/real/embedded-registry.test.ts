import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { type EmbeddedRegistry, type PushedImage, pushImage, startRegistry } from "../../cli/demo/registry/registry.ts";
import { attestVuln, generateSigner, signBundle, signCosignSimple } from "../../cli/demo/signing/signing.ts";
import { collectImageEvidence } from "../../core/images/evidence.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import { describeWith } from "../support/parts.ts";
import { prepareCosign } from "./support/cosign.ts";
import { must, ownFolder, run } from "./support/program.ts";

const OLD_FORM = "--new-bundle-format=false";
const NEW_FORM = "--new-bundle-format=true";

describeWith(["cosign", "skopeo", "trivy"], "the demo's registry and signers, by real tools", (paths) => {
  const folder = ownFolder();
  const release = generateSigner("release");
  const scanner = generateSigner("scanner");
  const stranger = generateSigner("stranger");
  let registry: EmbeddedRegistry;
  let image: PushedImage;

  beforeAll(async () => {
    registry = await startRegistry({ host: "127.0.0.1", port: 0 });
    image = await pushImage(registry, {
      repository: "shop/web",
      tag: "1",
      packages: [{ name: "openssl", version: "3.1.0-r0" }],
    });
    const scan = { findings: [], finishedAtMs: Date.now() };
    await signCosignSimple(registry, image, release);
    await signBundle(registry, image, release);
    await attestVuln(registry, image, scanner, scan, "tag");
    await attestVuln(registry, image, scanner, scan);
    for (const { name, publicKeyPem } of [release, scanner, stranger]) writeFileSync(key(name), publicKeyPem);
  });
  afterAll(async () => {
    await registry.close();
    folder.remove();
  });

  const key = (name: string) => join(folder.path, `${name}.pub`);
  const verify = (name: string, ...how: string[]) =>
    run(paths.cosign, [...how, "--key", key(name), "--insecure-ignore-tlog", "--allow-http-registry", image.pinned]);

  it.each([OLD_FORM, NEW_FORM])(
    "cosign verifies our signature and attestation (%s), and not with a stranger's key",
    async (form) => {
      expect((await verify("release", "verify", form)).code).toBe(0);
      expect((await verify("scanner", "verify-attestation", "--type", "vuln", form)).code).toBe(0);
      expect((await verify("stranger", "verify", form)).code).not.toBe(0);
      expect((await verify("stranger", "verify-attestation", "--type", "vuln", form)).code).not.toBe(0);
    },
  );

  it("cosign signs in it, in either form, and what it signed is evidence", async () => {
    const other = await pushImage(registry, { repository: "shop/other", tag: "1" });
    const cosign = await prepareCosign(paths.cosign, folder.path);
    await cosign.signTag(other.pinned);
    await cosign.signBundle(other.pinned);
    const client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
    const authority = { name: "cosign", role: "release", key: cosign.publicKeyPem } as const;
    const { signatures } = await collectImageEvidence(
      other.pinned,
      [authority],
      { registry: client },
      AbortSignal.timeout(10_000),
    );
    await client.close();
    expect(signatures.kind === "found" && signatures.value.map(({ form }) => form).toSorted()).toEqual([
      "bundle-v0.3",
      "cosign-simple",
    ]);
  });

  it("skopeo copies an image within it, digest and all", async () => {
    const plain = ["--src-tls-verify=false", "--dest-tls-verify=false"];
    await must(paths.skopeo, [
      "copy",
      "--preserve-digests",
      ...plain,
      `docker://${image.reference}`,
      `docker://${registry.host}/copy/web:1`,
    ]);
    expect(registry.store.manifest("copy/web", "1")?.digest).toBe(image.digest);
  });

  it("trivy reads the packages of an image in it", async () => {
    const { stdout } = await run(paths.trivy, [
      "image",
      "--insecure",
      "--quiet",
      "--format",
      "cyclonedx",
      "--cache-dir",
      join(folder.path, "trivy"),
      image.reference,
    ]);
    expect(stdout).toContain("pkg:apk/alpine/openssl@3.1.0-r0");
  });
});
