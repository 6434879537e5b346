import { describe, expect, it } from "@jest/globals";
import { COSIGN_SIGN_PREDICATE, COSIGN_VULN_PREDICATE } from "../../../../core/images/media-types.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { SignerRole } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import { bundleArtifact, createSigstore, SIGNED_AT_MS } from "../../../support/sigstore/authority.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const LEAF = { subject: "builder@acme.test", issuer: "https://accounts.test" };
const sigstore = createSigstore();
const holder = sigstore.issue(LEAF);
const SUBJECT = { name: "registry.test/shop", digest: { sha256: DIGEST.slice(7) } };
const ELSE = { name: "else", digest: { sha256: "b2".repeat(32) } };

interface Stated {
  readonly type?: string;
  readonly subject?: readonly object[];
  readonly predicateType: string;
  readonly predicate?: unknown;
}

function attested(stated: Stated, role: SignerRole = "builder") {
  const { type = "https://in-toto.io/Statement/v1", subject = [SUBJECT], predicateType, predicate = {} } = stated;
  const keyless = { issuer: LEAF.issuer, subject: LEAF.subject, trustRoot: "test", root: sigstore.root() };
  const trust = parseTrust([{ name: "someone", role, keyless } as Authority]);
  const bundle = sigstore.bundle(holder, { _type: type, subject, predicateType, predicate });
  return verifyArtifact(bundleArtifact(bundle), DIGEST, trust);
}

const attestation = (more: object) => [{ kind: "attestation", value: expect.objectContaining(more) }];
const refused = (why: string) => [{ kind: "refused", seen: expect.any(String), why: expect.stringContaining(why) }];

describe("an attestation", () => {
  const scan = { scanner: { result: { findings: [] } }, metadata: { scanFinishedOn: "2026-03-01T11:00:00Z" } };
  const v1 = {
    buildDefinition: {
      buildType: "x",
      resolvedDependencies: [{ uri: "git+https://x", digest: { gitCommit: "c0ffee" } }],
    },
    runDetails: { builder: { id: "https://builder.test/v2" } },
  };
  const v02 = {
    builder: { id: "https://builder.test/v1" },
    invocation: { configSource: { uri: "git+https://x", digest: { sha1: "decaf" } } },
  };

  it.each([["https://spdx.dev/Document"], ["https://cyclonedx.org/bom"], ["https://example.test/anything"]])(
    "of type %s is a fact with who, what and when",
    async (predicateType) => {
      const fact = { signer: "someone", role: "builder", digest: DIGEST, predicateType, signedAtMs: SIGNED_AT_MS };
      expect(await attested({ predicateType })).toEqual(attestation(fact));
    },
  );

  it("of SLSA provenance v1 says builder and commit", async () => {
    const stated = { predicateType: "https://slsa.dev/provenance/v1", predicate: v1 };
    expect(await attested(stated)).toEqual(attestation({ builder: "https://builder.test/v2", sourceCommit: "c0ffee" }));
  });

  it("of SLSA provenance v0.2, in a statement v0.1, says builder and commit", async () => {
    const stated = {
      type: "https://in-toto.io/Statement/v0.1",
      predicateType: "https://slsa.dev/provenance/v0.2",
      predicate: v02,
    };
    expect(await attested(stated)).toEqual(attestation({ builder: "https://builder.test/v1", sourceCommit: "decaf" }));
  });

  it("of provenance that is not as specified is a fact without them", async () => {
    const [worth] = await attested({ predicateType: "https://slsa.dev/provenance/v1", predicate: { runDetails: 1 } });
    expect(worth).toMatchObject({ kind: "attestation" });
    expect(worth).not.toHaveProperty("value.builder");
  });

  it("of a scan is a scan by a scanner, and by nobody else", async () => {
    const stated = { predicateType: COSIGN_VULN_PREDICATE, predicate: scan };
    const kinds = async (role: SignerRole) => (await attested(stated, role)).map(({ kind }) => kind);
    expect(await kinds("scanner")).toEqual(["attestation", "scan"]);
    expect(await kinds("builder")).toEqual(["attestation", "refused"]);
  });

  it("may have several subjects, of which one is the image", async () => {
    const stated = { predicateType: "https://spdx.dev/Document" };
    expect(await attested({ ...stated, subject: [ELSE, SUBJECT] })).toEqual(attestation({ digest: DIGEST }));
    expect(await attested({ ...stated, subject: [ELSE] })).toEqual(refused("about another image"));
    expect(await attested({ ...stated, subject: [{ ...SUBJECT, digest: { sha512: "a1".repeat(32) } }] })).toEqual(
      refused("about another image"),
    );
    expect(await attested({ ...stated, subject: [] })).toEqual(refused("cannot be read"));
  });

  it.each(["scanner", "builder", "approver"] as const)(
    "of the sign predicate is no signature by a %s",
    async (role) => {
      expect(await attested({ predicateType: COSIGN_SIGN_PREDICATE }, role)).toEqual(refused(`whose role is ${role}`));
    },
  );

  it("is never a signature, whoever makes it", async () => {
    const worth = await attested({ predicateType: "https://spdx.dev/Document" }, "release");
    expect(worth.map(({ kind }) => kind)).toEqual(["attestation"]);
  });
});
