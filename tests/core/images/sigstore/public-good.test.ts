import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { PUBLIC_GOOD_ROOT } from "../../../../core/images/sigstore/public-good.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Digest } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import { bundleArtifact } from "../../../support/sigstore/authority.ts";

/** Made by others with the public instance; where each comes from is in tests/vectors/sigstore/README.md. */
function vector(name: string) {
  return bundleArtifact(JSON.parse(readFileSync(`tests/vectors/sigstore/${name}.json`, "utf8")));
}

function verify(name: string, digest: Digest, identity: { issuer: string; subject: string }) {
  const keyless = { ...identity, trustRoot: "public-good", root: PUBLIC_GOOD_ROOT };
  const trust = parseTrust([{ name: "someone", role: "builder", keyless } as Authority]);
  return verifyArtifact(vector(name), digest, trust);
}

const ATTESTER = { issuer: "https://github.com/login/oauth", subject: "cody@soyland.com" };
const ATTESTED: Digest = "sha256:732112270d7e59418a8c080b134b24cabd67d250d0d0147a97ed95ba5c280aa4";
const RELEASER = {
  issuer: "https://token.actions.githubusercontent.com",
  subject: "https://github.com/sigstore/sigstore-js/.github/workflows/release.yml@refs/heads/main",
};

describe("evidence of the public Sigstore instance", () => {
  it("is believed without asking anybody: an image's attestation by cosign", async () => {
    const value = {
      signer: "someone",
      role: "builder",
      digest: ATTESTED,
      predicateType: "https://cosign.sigstore.dev/attestation/v1",
      identity: "cody@soyland.com (issuer https://github.com/login/oauth)",
      signedAtMs: Date.parse("2025-02-28T19:18:11Z"),
    };
    expect(await verify("cosign-oci-attestation", ATTESTED, ATTESTER)).toEqual([{ kind: "attestation", value }]);
  });

  const refusals: [given: string, name: string, digest: Digest, identity: typeof ATTESTER, why: string][] = [
    ["about another image", "cosign-oci-attestation", `sha256:${"0".repeat(64)}`, ATTESTER, "about another image"],
    [
      "by somebody else",
      "cosign-oci-attestation",
      ATTESTED,
      RELEASER,
      "by cody@soyland.com (issuer https://github.com/login/oauth), an identity that no",
    ],
    [
      "about a package, by a digest that no image has",
      "npm-provenance",
      ATTESTED,
      RELEASER,
      'slsa.dev/provenance/v1" by someone about another image',
    ],
    ["with two signatures", "two-signatures", ATTESTED, ATTESTER, "cannot be read"],
  ];
  it.each(refusals)("is refused %s", async (_, name, digest, identity, why) => {
    expect(await verify(name, digest, identity)).toEqual([
      expect.objectContaining({ kind: "refused", why: expect.stringContaining(why) }),
    ]);
  });
});
