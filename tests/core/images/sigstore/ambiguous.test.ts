import { sign } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import type { Artifact } from "../../../../core/images/claims/artifact.ts";
import { COSIGN_SIGN_PREDICATE, IN_TOTO } from "../../../../core/images/media-types.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Discovered } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import { preAuthEncoding, writeEnvelope } from "../../../../core/wire/dsse.ts";
import { explicitTag } from "../../../../core/wire/x509/der.ts";
import { der, oid, utf8String } from "../../../../core/wire/x509/der-writer.ts";
import { bundleArtifact, createSigstore } from "../../../support/sigstore/authority.ts";
import { generateKeys, type Leaf } from "../../../support/sigstore/certificates.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const ELSEWHERE = `sha256:${"b2".repeat(32)}`;
const ISSUER = "https://accounts.test";
/** U+FEFF: many readers drop it at the beginning of a text, and show nothing of it. */
const MARK = "\ufeff";
const sigstore = createSigstore();
const keys = generateKeys();
const KEY = keys.publicKey.export({ type: "spki", format: "pem" }) as string;

const subjectOf = (digest: string) => `"subject":[{"digest":{"sha256":"${digest.slice("sha256:".length)}"}}]`;
const STATEMENT = `{"_type":"https://in-toto.io/Statement/v1",${subjectOf(DIGEST)},"predicateType":"${COSIGN_SIGN_PREDICATE}","predicate":{}}`;
const imageOf = (digest: string) => `"image":{"docker-manifest-digest":"${digest}"}`;
const CLAIM = `{"critical":{"identity":{"docker-reference":"registry.test/shop"},${imageOf(DIGEST)},"type":"cosign container image signature"}}`;

function simple(text: string): Artifact {
  const bytes = Buffer.from(text);
  return { kind: "simple", bytes, signature: sign("sha256", bytes, keys.privateKey).toString("base64") };
}

function envelope(text: string): Artifact {
  const payload = Buffer.from(text);
  const signature = sign("sha256", preAuthEncoding(IN_TOTO, payload), keys.privateKey);
  const dsseEnvelope = writeEnvelope({ payloadType: IN_TOTO, payload, signatures: [signature] });
  const verificationMaterial = { publicKey: { hint: "" }, tlogEntries: [] };
  const mediaType = "application/vnd.dev.sigstore.bundle.v0.3+json";
  return { kind: "bundle", bytes: Buffer.from(JSON.stringify({ mediaType, verificationMaterial, dsseEnvelope })) };
}

const byKey = (artifact: Artifact) =>
  verifyArtifact(
    artifact as Discovered<Artifact>,
    DIGEST,
    parseTrust([{ name: "release", role: "release", key: KEY }]),
  );

describe("what was signed is refused when readers could differ about it", () => {
  it.each([
    ["simple signing", simple(CLAIM)],
    ["a statement", envelope(STATEMENT)],
  ])("but not as usual: %s", async (_, artifact) => {
    expect(await byKey(artifact)).toMatchObject([{ kind: "signature" }]);
  });

  it.each([
    [
      "simple signing with two digests",
      simple(CLAIM.replace(imageOf(DIGEST), `${imageOf(ELSEWHERE)},${imageOf(DIGEST)}`)),
    ],
    [
      "simple signing with a name written in two ways",
      simple(CLAIM.replace('{"critical":', '{"critic\\u0061l":{},"critical":')),
    ],
    [
      "a statement with two subjects lists",
      envelope(STATEMENT.replace(subjectOf(DIGEST), `${subjectOf(ELSEWHERE)},${subjectOf(DIGEST)}`)),
    ],
    ["simple signing behind a mark", simple(`${MARK}${CLAIM}`)],
    ["a statement behind a mark", envelope(`${MARK}${STATEMENT}`)],
  ])("%s", async (_, artifact) => {
    expect(await byKey(artifact)).toMatchObject([{ kind: "refused", why: expect.stringContaining("not plain JSON") }]);
  });
});

describe("a signature in the old form", () => {
  const { bytes, signature } = simple(CLAIM) as Extract<Artifact, { kind: "simple" }>;
  const written = (text: string) => byKey({ kind: "simple", bytes, signature: text });

  it("may be broken into lines, and holds nothing but base64", async () => {
    const lines = signature.replace(/.{64}/, "$&\n");
    expect(await written(lines)).toMatchObject([{ kind: "signature" }]);
    for (const odd of [
      `!${signature}`,
      ` ${signature}`,

      `${signature}====`,
      `${signature}#`,
    ])
      expect(await written(odd)).toMatchObject([{ kind: "refused", why: expect.stringContaining("not base64") }]);
  });
});

describe("a name with a mark before it is another name", () => {
  const alice = "alice!acme.test";
  const names = (subject: string) => [
    der(explicitTag(0), oid("1.3.6.1.4.1.57264.1.7"), der(explicitTag(0), utf8String(subject))),
  ];
  it.each<[string, Leaf]>([
    ["in the subject", { subject: alice, issuer: ISSUER, names: names(`${MARK}${alice}`) }],
    ["in the issuer", { subject: alice, issuer: `${MARK}${ISSUER}`, names: names(alice) }],
  ])("%s", async (_, leaf) => {
    const keyless = { issuer: ISSUER, subject: alice, trustRoot: "t", root: sigstore.root() };
    const trust = parseTrust([{ name: "release", role: "release", keyless } as Authority]);
    const bundle = sigstore.bundle(sigstore.issue(leaf), JSON.parse(STATEMENT) as object);
    expect(await verifyArtifact(bundleArtifact(bundle), DIGEST, trust)).toMatchObject([
      { kind: "refused", why: expect.stringContaining("an identity that no authority of the policy has") },
    ]);
  });
});
