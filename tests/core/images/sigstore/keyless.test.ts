import { beforeAll, describe, expect, it } from "@jest/globals";
import type { Artifact } from "../../../../core/images/claims/artifact.ts";
import { COSIGN_SIGN_PREDICATE } from "../../../../core/images/media-types.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Discovered } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import { explicitTag } from "../../../../core/wire/x509/der.ts";
import { der, oid, utf8String } from "../../../../core/wire/x509/der-writer.ts";
import { bundleArtifact, createSigstore, type Holder, SIGNED_AT_MS } from "../../../support/sigstore/authority.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const ISSUER = "https://accounts.test";
const SUBJECT = "https://github.test/acme/shop/.github/workflows/release.yml@refs/heads/main";
const sigstore = createSigstore();
const LEAF = { subject: SUBJECT, issuer: ISSUER };

function statement(predicateType: string = COSIGN_SIGN_PREDICATE, predicate: unknown = {}): object {
  return {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: DIGEST.slice(7) } }],
    predicateType,
    predicate,
  };
}

const claim = {
  critical: {
    identity: { "docker-reference": "registry.test/shop" },
    image: { "docker-manifest-digest": DIGEST },
    type: "cosign container image signature",
  },
  optional: null,
};

function authority(changes: object = {}): Authority {
  const keyless = { issuer: ISSUER, subject: SUBJECT, trustRoot: "test", root: sigstore.root(), ...changes };
  return { name: "release", role: "release", keyless } as Authority;
}

function verify(artifact: Artifact, authorities: readonly Authority[] = [authority()]) {
  return verifyArtifact(artifact as Discovered<Artifact>, DIGEST, parseTrust(authorities));
}

const signed = (form: string) => [
  {
    kind: "signature",
    value: {
      signer: "release",
      role: "release",
      form,
      digest: DIGEST,
      identity: `${SUBJECT} (issuer ${ISSUER})`,
      signedAtMs: SIGNED_AT_MS,
    },
  },
];

describe("a signature by a certificate is believed", () => {
  let holder: Holder;
  beforeAll(() => {
    holder = sigstore.issue(LEAF);
  });

  const bundles = [
    { version: 1, entries: ["dsse 0.0.1"] },
    { version: 1, entries: ["intoto 0.0.2"] },
    { version: 2, entries: ["dsse 0.0.1"] },
    { version: 3, entries: ["dsse 0.0.1"] },
    { version: 3, entries: ["hashedrekord 0.0.1"] },
    { version: 3, entries: ["dsse 0.0.1"], timestamp: true },
    { version: 3, entries: ["dsse 0.0.2"], timestamp: true },
    { version: 3, entries: ["hashedrekord 0.0.2"], timestamp: true },
  ] as const;
  it.each(bundles)("in a bundle v0.$version with log entries $entries", async (how) => {
    const bundle = sigstore.bundle(holder, statement(), how);
    expect(await verify(bundleArtifact(bundle))).toMatchObject(signed(`bundle-v0.${how.version}`));
  });

  it.each([{}, { timestamp: true }])("in cosign's old form, %j", async (how) => {
    expect(await verify(sigstore.simple(holder, claim, how))).toMatchObject(signed("cosign-simple"));
  });

  it.each([{}, { timestamp: true }, { entries: ["intoto 0.0.2"] }] as const)(
    "as an attestation in the old form, %j",
    async (how) => {
      const [worth] = await verify(sigstore.envelope(holder, statement("https://spdx.dev/Document"), how));
      expect(worth).toMatchObject({
        kind: "attestation",
        value: { predicateType: "https://spdx.dev/Document", signedAtMs: SIGNED_AT_MS },
      });
    },
  );

  it.each(["p384", "rsa", "ed25519"] as const)("with a key of kind %s", async (kind) => {
    const other = sigstore.issue(LEAF, { kind });
    for (const how of [{}, { entries: ["dsse 0.0.2"], timestamp: true }] as const)
      expect(await verify(bundleArtifact(sigstore.bundle(other, statement(), how)))).toMatchObject(
        signed("bundle-v0.3"),
      );
  });

  it("by timestamps alone, where the root wants no log", async () => {
    const root = sigstore.root({ transparencyLog: 0, timestamps: 1 });
    const stamped = bundleArtifact(sigstore.bundle(holder, statement(), { entries: [], timestamp: true }));
    expect(await verify(stamped, [authority({ root })])).toMatchObject(signed("bundle-v0.3"));
    const bare = bundleArtifact(sigstore.bundle(holder, statement(), { entries: [] }));
    expect(await verify(bare, [authority({ root })])).toMatchObject([{ kind: "refused" }]);
  });

  it("for every authority that it fits, and once for each of their roles", async () => {
    const twice = [
      authority(),
      { ...authority({ subject: undefined, subjectPattern: ".*" }), name: "approver", role: "approver" },
    ];
    const worth = await verify(bundleArtifact(sigstore.bundle(holder, statement())), twice as Authority[]);
    expect(worth).toMatchObject([
      { kind: "signature", value: { signer: "release" } },
      { kind: "refused", why: "a signature by approver, whose role is approver" },
    ]);
  });

  it.each([
    ["an e-mail address", "release@acme.test", undefined],
    ["a name in no format, as Fulcio's username has it", "release!acme.test", [username("release!acme.test")]],
  ])("in which the subject is %s", async (_, subject, names) => {
    const named = sigstore.issue({ subject, issuer: ISSUER, ...(names === undefined ? {} : { names }) });
    const [worth] = await verify(bundleArtifact(sigstore.bundle(named, statement())), [authority({ subject })]);
    expect(worth).toMatchObject({ kind: "signature", value: { identity: `${subject} (issuer ${ISSUER})` } });
  });
});

/** otherName of Fulcio's own kind. @see RFC 5280 section 4.2.1.6; sigstore/fulcio docs/oid-info.md */
function username(name: string): Uint8Array {
  return der(explicitTag(0), oid("1.3.6.1.4.1.57264.1.7"), der(explicitTag(0), utf8String(name)));
}
