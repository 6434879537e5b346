import { describe, expect, it } from "@jest/globals";
import { COSIGN_SIGN_PREDICATE } from "../../../../core/images/media-types.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import { bundleArtifact, createSigstore, SIGNED_AT_MS, type Wrapping } from "../../../support/sigstore/authority.ts";
import { generateKeys } from "../../../support/sigstore/certificates.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const LEAF = { subject: "release@acme.test", issuer: "https://accounts.test" };
const sigstore = createSigstore();
const root = sigstore.root();
const SIGNED = {
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ digest: { sha256: DIGEST.slice("sha256:".length) } }],
  predicateType: COSIGN_SIGN_PREDICATE,
  predicate: {},
};

/** Somebody who may push takes an old signature and has it logged, or stamped, years later. */
const RENEWED: Wrapping[] = [
  { entries: ["dsse 0.0.1"], atMs: SIGNED_AT_MS + 3 * 365 * 86_400_000 },
  { entries: ["dsse 0.0.2"], timestamp: true, atMs: SIGNED_AT_MS + 3 * 365 * 86_400_000 },
];

describe("a signature does not become younger", () => {
  it.each(RENEWED)("by a key, when it is seen again: %j", async (how) => {
    const keys = generateKeys();
    const key = keys.publicKey.export({ type: "spki", format: "pem" }) as string;
    const trust = parseTrust([{ name: "release", role: "release", key, root }]);
    const [worth] = await verifyArtifact(bundleArtifact(sigstore.bundle({ keys }, SIGNED, how)), DIGEST, trust);
    expect(worth).toMatchObject({ kind: "signature", value: { signer: "release" } });
    expect(worth).not.toHaveProperty("value.signedAtMs");
  });

  it.each(RENEWED)("by a certificate, when it is seen again while that is valid: %j", async (how) => {
    const trust = parseTrust([
      { name: "release", role: "release", keyless: { ...LEAF, trustRoot: "t", root } } as Authority,
    ]);
    const later = { ...how, atMs: SIGNED_AT_MS + 9 * 60_000 };
    const bundle = sigstore.bundle(sigstore.issue(LEAF), SIGNED, later);
    expect(await verifyArtifact(bundleArtifact(bundle), DIGEST, trust)).toMatchObject([
      { kind: "signature", value: { signedAtMs: SIGNED_AT_MS } },
    ]);
  });
});
