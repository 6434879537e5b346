import { describe, expect, it } from "@jest/globals";
import { parseTrust } from "../../../../core/images/trust.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import type { JsonRecord, SigstoreRoot } from "../../../../core/policy/images/schema/trust-root.ts";
import { createSigstore, SIGNED_AT_MS } from "../../../support/sigstore/authority.ts";
import { authorityCertificate, USAGE } from "../../../support/sigstore/certificates.ts";
import { withLeaf } from "../../../support/sigstore/mutate.ts";

const sigstore = createSigstore();
const HOUR_MS = 3_600_000;
const VALIDITY = { notBeforeMs: SIGNED_AT_MS - HOUR_MS, notAfterMs: SIGNED_AT_MS + HOUR_MS };

function trust(root: SigstoreRoot) {
  const keyless = { issuer: "https://accounts.test", subject: "release@acme.test", trustRoot: "t", root };
  return parseTrust([{ name: "release", role: "release", keyless } as Authority]);
}

describe("a trusted root is refused", () => {
  const start = { start: "2026-01-01T00:00:00Z" };
  const cases: [given: string, path: (string | number)[], value: JsonRecord | string | undefined, reason: string][] = [
    [
      "whose authority has no start",
      ["certificateAuthorities", 0, "validFor", "start"],
      undefined,
      "certificateAuthorities.0.validFor.start",
    ],
    ["whose log has no validity", ["tlogs", 0, "publicKey", "validFor"], undefined, "tlogs.0.publicKey.validFor"],
    [
      "that ends before it starts",
      ["tlogs", 0, "publicKey", "validFor"],
      { ...start, end: "2025-01-01T00:00:00Z" },
      "ends before it starts",
    ],
    [
      "without the root of a chain",
      ["certificateAuthorities", 0, "certChain", "certificates", 1],
      undefined,
      "not a self-signed root",
    ],
    ["with a key that is none", ["tlogs", 0, "publicKey", "rawBytes"], "AAAA", "tlogs.0.publicKey"],
    ["whose log hashes otherwise", ["tlogs", 0, "hashAlgorithm"], "SHA2_512", "tlogs.0.hashAlgorithm"],
  ];
  it.each(cases)("%s", (_, path, value, reason) => {
    const trustedRoot = withLeaf(sigstore.trustedRoot(), path, value) as JsonRecord;
    expect(() => trust({ ...sigstore.root(), trustedRoot })).toThrow(reason);
    expect(() => trust({ ...sigstore.root(), trustedRoot })).toThrow("trusted root of release");
  });

  it.each([USAGE.codeSigning, undefined])("whose timestamp authority may not stamp, but %s", (usage) => {
    const root = authorityCertificate("stamp root", VALIDITY);
    const leaf = authorityCertificate("stamp leaf", VALIDITY, root, { isCa: false, ...(usage && { usage }) });
    const certificates = [leaf, root].map(({ der }) => ({ rawBytes: der.toString("base64") }));
    const trustedRoot = withLeaf(sigstore.trustedRoot(), ["timestampAuthorities", 0, "certChain"], {
      certificates,
    }) as JsonRecord;
    expect(() => trust({ ...sigstore.root(), trustedRoot })).toThrow("certificate 0 is not for timestamps alone");
  });
});
