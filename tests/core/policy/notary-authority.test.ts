import { describe, expect, it } from "@jest/globals";
import type { Digest, ImageEvidence } from "../../../core/policy/evidence.ts";
import { judgeImage } from "../../../core/policy/images/image-policy.ts";
import { imagePolicySchema } from "../../../core/policy/images/schema/image-policy-schema.ts";
import type { TrustRoots } from "../../../core/policy/images/schema/resolve-policy.ts";
import { trustRootSchema } from "../../../core/policy/images/schema/trust-root.ts";
import { imagePolicy } from "../../support/image-policy.ts";
import { issue } from "../../support/notary/certificates.ts";

const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const PEM = issue("authority").pem.trim();

const trustRoot = (notary: object) =>
  trustRootSchema.safeParse({
    apiVersion: "outrider.dev/v1alpha1",
    kind: "TrustRoot",
    metadata: { name: "acme" },
    spec: { notary },
  });
const authority = (more: object = {}) => ({
  name: "acme-release",
  role: "release",
  notary: { trustRoot: "acme", identities: ["*"] },
  ...more,
});
const spec = (...authorities: object[]) => ({
  match: { images: ["ghcr.io/acme/*"] },
  authorities,
  signatures: { require: "any" },
});
const roots = (notary: object): TrustRoots => new Map([["acme", trustRoot(notary).data?.spec ?? {}]]) as TrustRoots;

describe("a Notary authority", () => {
  it("carries its whole trust store, so that a change of the store is another authority", () => {
    const store = {
      certificates: PEM,
      signingAuthorities: PEM,
      timestampAuthorities: PEM,
      verifyTimestamp: "afterCertExpiry",
      revoked: ["ab".repeat(32)],
    };
    const [resolved] = imagePolicy(spec(authority()), roots(store)).spec.authorities;
    expect(resolved).toMatchObject({ notary: { root: store } });
  });

  it("may only release: its signatures say nothing else", () => {
    const document = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name: "p" } };
    const given = spec(
      authority(),
      authority({ name: "scans", role: "scanner", notary: { trustRoot: "other", identities: ["*"] } }),
    );
    const { error } = imagePolicySchema.safeParse({ ...document, spec: given });
    expect(error?.issues).toMatchObject([
      { path: ["spec", "authorities", 1, "role"], message: expect.stringContaining("expected release") },
    ]);
  });

  it("is told to sign by notation where a signature is missing", () => {
    const absent = { kind: "absent", why: "no signature" } as const;
    const digest = { kind: "found", value: DIGEST } as const;
    const evidence: ImageEvidence = {
      reference: `ghcr.io/acme/web@${DIGEST}`,
      digest,
      signatures: absent,
      scan: absent,
    };
    const { decision } = judgeImage(
      evidence,
      imagePolicy(spec(authority()), roots({ certificates: PEM })),
      { path: "x" },
      0,
    );
    expect(decision).toMatchObject({
      kind: "deny",
      violations: [{ code: "IMG_UNSIGNED", fix: `notation sign ghcr.io/acme/web@${DIGEST}` }],
    });
  });
});

describe("a Notary trust store", () => {
  it.each([
    ["nobody", {}, /expected certificates or signingAuthorities/],
    ["timestamp authorities alone", { timestampAuthorities: PEM }, /expected certificates or signingAuthorities/],
    ["what is no certificate", { certificates: "-----BEGIN PUBLIC KEY-----" }, /expected PEM certificates/],
    ["what is no fingerprint", { certificates: PEM, revoked: ["ab:cd"] }, /64 hex digits/],
    ["another way to ask for timestamps", { certificates: PEM, verifyTimestamp: "never" }, /always/],
  ])("of %s is refused", (_, store, why) => {
    expect(trustRoot(store).error?.issues[0]?.message).toMatch(why);
  });

  it("of signing authorities alone will do", () => {
    expect(trustRoot({ signingAuthorities: PEM }).success).toBe(true);
  });
});
