import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { readPolicies } from "../../admission/sources/policies.ts";
import { type EmbeddedRegistry, type PushedImage, pushImage, startRegistry } from "../../cli/demo/registry/registry.ts";
import { attachReferrer } from "../../cli/demo/signing/bundle.ts";
import { collectImageEvidence } from "../../core/images/evidence.ts";
import { COSIGN_SIGN_PREDICATE } from "../../core/images/media-types.ts";
import { createRegistryClient, type RegistryClient } from "../../core/images/registry-client.ts";
import { judgeImage } from "../../core/policy/images/image-policy.ts";
import { createSigstore, SIGNED_AT_MS } from "../support/sigstore/authority.ts";

const RELEASE = { subject: "https://github.test/acme/shop@refs/heads/main", issuer: "https://accounts.test" };
const BUILDER = { subject: "https://builder.test/v2", issuer: "https://accounts.test" };
const PROVENANCE = "https://slsa.dev/provenance/v1";
const DAY_MS = 86_400_000;
const sigstore = createSigstore();

/** A folder of policies, a registry and evidence in it: everything from the YAML to the verdict but the webhook. */
describe("a policy that names identities", () => {
  const folder = mkdtempSync(join(tmpdir(), "outrider-keyless-"));
  let registry: EmbeddedRegistry;
  let client: RegistryClient;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry({ host: "127.0.0.1", port: 0 });
    client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
    const keyless = (identity: object) => ({ ...identity, issuer: "https://accounts.test", trustRoot: "acme" });
    write("root.yaml", "TrustRoot", "acme", { sigstore: { trustedRoot: JSON.stringify(sigstore.trustedRoot()) } });
    write("policy.yaml", "ImagePolicy", "production", {
      match: { images: [`${registry.host}/shop/*`] },
      authorities: [
        {
          name: "release",
          role: "release",
          keyless: keyless({ subjectPattern: "https://github\\.test/acme/[a-z]+@refs/heads/main" }),
        },
        { name: "builder", role: "builder", keyless: keyless({ subject: BUILDER.subject }) },
      ],
      signatures: { require: "any", maxAge: "30d" },
      attestations: [{ predicateType: "slsa-provenance", require: "any" }],
    });
  });
  afterAll(async () => {
    await client?.close();
    await registry?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function write(file: string, kind: string, name: string, spec: object): void {
    writeFileSync(
      join(folder, file),
      stringify({ apiVersion: "outrider.dev/v1alpha1", kind, metadata: { name }, spec }),
    );
  }

  async function attach(image: PushedImage, who: typeof RELEASE, predicateType: string): Promise<void> {
    const subject = [{ digest: { sha256: image.digest.slice("sha256:".length) } }];
    const statement = { _type: "https://in-toto.io/Statement/v1", subject, predicateType, predicate: {} };
    const bundle = sigstore.bundle(sigstore.issue(who), statement);
    await attachReferrer(registry, image, Buffer.from(JSON.stringify(bundle)), {});
  }

  async function image(...attached: (readonly [who: typeof RELEASE, predicateType: string])[]): Promise<PushedImage> {
    const pushed = await pushImage(registry, {
      repository: `shop/of-${++count}`,
      tag: "1",
      packages: [{ name: "x", version: `${count}` }],
    });
    for (const [who, predicateType] of attached) await attach(pushed, who, predicateType);
    return pushed;
  }

  async function verdict(pushed: PushedImage, nowMs = SIGNED_AT_MS + DAY_MS) {
    const [policy] = readPolicies(folder);
    if (policy === undefined) throw new Error("no policy");
    const signal = AbortSignal.timeout(10_000);
    const evidence = await collectImageEvidence(pushed.pinned, policy.spec.authorities, { registry: client }, signal);
    return judgeImage(evidence, policy, { path: "spec.containers[0].image" }, nowMs).decision;
  }

  const denied = (code: string, found: string) => ({
    kind: "deny",
    violations: [expect.objectContaining({ code, found: expect.stringContaining(found) })],
  });

  it("admits what they signed and attested", async () => {
    expect(await verdict(await image([RELEASE, COSIGN_SIGN_PREDICATE], [BUILDER, PROVENANCE]))).toEqual({
      kind: "allow",
    });
  });

  it("refuses what somebody else signed, and says who it was", async () => {
    const stranger = { ...RELEASE, subject: "https://github.test/acme/shop@refs/heads/main.evil" };
    const decision = await verdict(await image([stranger, COSIGN_SIGN_PREDICATE], [BUILDER, PROVENANCE]));
    expect(decision).toEqual(denied("IMG_UNTRUSTED_SIGNER", "refs/heads/main.evil (issuer https://accounts.test)"));
  });

  it("refuses what the builder signed in the place of the release", async () => {
    const decision = await verdict(await image([BUILDER, COSIGN_SIGN_PREDICATE], [BUILDER, PROVENANCE]));
    expect(decision).toEqual(denied("IMG_UNTRUSTED_SIGNER", "whose role is builder"));
  });

  it("refuses what nobody attested", async () => {
    const decision = await verdict(await image([RELEASE, COSIGN_SIGN_PREDICATE]));
    expect(decision).toMatchObject({ kind: "deny" });
  });

  it("refuses a signature that the log saw too long ago", async () => {
    const old = await image([RELEASE, COSIGN_SIGN_PREDICATE], [BUILDER, PROVENANCE]);
    expect(await verdict(old, SIGNED_AT_MS + 29 * DAY_MS)).toEqual({ kind: "allow" });
    expect(await verdict(old, SIGNED_AT_MS + 31 * DAY_MS)).toMatchObject({ kind: "deny" });
  });

  it("is refused itself when its trust root cannot be believed", () => {
    const { validFor: _, ...endless } = (sigstore.trustedRoot()["certificateAuthorities"] as object[])[0] as Record<
      string,
      unknown
    >;
    write("root.yaml", "TrustRoot", "acme", {
      sigstore: { trustedRoot: JSON.stringify({ ...sigstore.trustedRoot(), certificateAuthorities: [endless] }) },
    });
    expect(() => readPolicies(folder)).toThrow("certificateAuthorities.0.validFor");
  });
});
