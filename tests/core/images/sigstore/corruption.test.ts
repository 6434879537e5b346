import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Artifact } from "../../../../core/images/claims/artifact.ts";
import { COSIGN_SIGN_PREDICATE } from "../../../../core/images/media-types.ts";
import { parseTrust, type Trust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Discovered } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import type { Json, JsonRecord, SigstoreRoot } from "../../../../core/policy/images/schema/trust-root.ts";
import { readPem, writePem } from "../../../../core/wire/x509/pem.ts";
import { bundleArtifact, createSigstore, SIGNED_AT_MS, type Wrapping } from "../../../support/sigstore/authority.ts";
import { at, flip, leaves, mutations, withLeaf } from "../../../support/sigstore/mutate.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const LEAF = { subject: "release@acme.test", issuer: "https://accounts.test" };
const sigstore = createSigstore();
const holder = sigstore.issue(LEAF);
/** The same person, another certificate, another image: what a thief would swap in. */
const other = sigstore.issue(LEAF, { atMs: SIGNED_AT_MS + 60_000 });

function statement(digest: string): object {
  const subject = [{ digest: { sha256: digest.slice("sha256:".length) } }];
  return { _type: "https://in-toto.io/Statement/v1", subject, predicateType: COSIGN_SIGN_PREDICATE, predicate: {} };
}

function trustIn(root: SigstoreRoot): Trust {
  const keyless = { issuer: LEAF.issuer, subject: LEAF.subject, trustRoot: "test", root };
  return parseTrust([{ name: "release", role: "release", keyless } as Authority]);
}

const TRUST = trustIn(sigstore.root());

async function accepts(artifact: Artifact, trust = TRUST): Promise<boolean> {
  const worth = await verifyArtifact(artifact as Discovered<Artifact>, DIGEST, trust);
  return worth.some(({ kind }) => kind !== "refused");
}

/** Every single-field corruption of a JSON value that is still accepted, as "path: how". */
async function survivors(good: Json, swap: Json, accepted: (value: Json) => Promise<boolean>): Promise<string[]> {
  const found: string[] = [];
  for (const path of leaves(good)) {
    for (const [how, value] of mutations(good, swap, path)) {
      if (await accepted(withLeaf(good, path, value))) found.push(`${path.join(".")}: ${how}`);
    }
  }
  return found;
}

/** Nothing is decided by these, so changing them changes nothing. Each has its reason. */
const IRRELEVANT: readonly (readonly [path: RegExp, why: string])[] = [
  [/^dsseEnvelope\.signatures\.0\.keyid/, "a hint that nobody signs; the key is the certificate's"],
  [/^mediaType/, "says which format a trusted root is; the policy's schema reads it"],
  [/\.(?:uri|subject\.\w+):/, "where an authority is found and what it is called; its certificates say who it is"],
  [/\.keyDetails:/, "the key's own encoding says of what kind it is"],
  [/^ctlogs\.0\.baseUrl: (?!dropped|emptied)/, "where a certificate log is found; its key and id say who it is"],
  [/\.validFor\.start: byte/, "another time before the signature's, where it is one at all"],
];

function relevant(found: readonly string[]): string[] {
  return found.filter((one) => !IRRELEVANT.some(([path]) => path.test(one)));
}

const LATER = { atMs: SIGNED_AT_MS + 60_000 };
const ELSEWHERE = `sha256:${"b2".repeat(32)}`;

describe("no corruption of a single field is accepted", () => {
  const forms: Wrapping[] = [
    { version: 1, entries: ["intoto 0.0.2"] },
    { version: 2, entries: ["hashedrekord 0.0.1"] },
    { version: 3, entries: ["dsse 0.0.1"] },
    { version: 3, entries: ["dsse 0.0.2"], timestamp: true },
    { version: 3, entries: ["hashedrekord 0.0.2"], timestamp: true },
  ];
  it.each(forms)("of a bundle %j", async (how) => {
    const good = sigstore.bundle(holder, statement(DIGEST), how);
    const swap = sigstore.bundle(other, statement(ELSEWHERE), { ...how, ...LATER });
    expect(await accepts(bundleArtifact(good))).toBe(true);
    const found = await survivors(good, swap, (value) => accepts(bundleArtifact(value as JsonRecord)));
    expect(relevant(found)).toEqual([]);
  });

  it("of what cosign's old form keeps beside a signature", async () => {
    const claim = (digest: string) => ({
      critical: {
        identity: { "docker-reference": "registry.test/shop" },
        image: { "docker-manifest-digest": digest },
        type: "cosign container image signature",
      },
    });
    const good = flat(sigstore.simple(holder, claim(DIGEST)));
    const swap = flat(sigstore.simple(other, claim(ELSEWHERE), LATER));
    const found = await survivors(good, swap, (value) => accepts(fromFlat(value as JsonRecord)));
    expect(relevant(found)).toEqual([]);
  });

  it("of the trusted root, when everything in it is needed", async () => {
    const how: Wrapping = { entries: ["dsse 0.0.1", "dsse 0.0.2"], timestamp: true };
    const bundle = bundleArtifact(sigstore.bundle(holder, statement(DIGEST), how));
    const requires = { transparencyLog: 2, timestamps: 1, sct: 1 };
    const under = async (trustedRoot: Json) => {
      try {
        return await accepts(bundle, trustIn({ trustedRoot: trustedRoot as JsonRecord, requires }));
      } catch {
        return false;
      }
    };
    expect(await under(sigstore.trustedRoot())).toBe(true);
    expect(relevant(await survivors(sigstore.trustedRoot(), createSigstore().trustedRoot(), under))).toEqual([]);
  });
});

describe("no flipped byte is accepted", () => {
  const bundle = sigstore.bundle(holder, statement(DIGEST), { entries: ["dsse 0.0.1", "dsse 0.0.2"], timestamp: true });
  const [, , ...fields] = leaves(bundle).filter((path) => typeof at(bundle, path) === "string");

  const needingAll = trustIn(sigstore.root({ transparencyLog: 2, timestamps: 1 }));

  it("anywhere, at random", async () => {
    const anywhere = fc.tuple(
      fc.constantFrom(...fields),
      fc.double({ min: 0, max: 1, noNaN: true }),
      fc.integer({ min: 0, max: 7 }),
    );
    const property = fc.asyncProperty(anywhere, async ([path, place, bit]) => {
      const flipped = flip(at(bundle, path) as string, place, bit);
      const mended = withLeaf(bundle, path, flipped) as JsonRecord;
      const name = `${path.join(".")}: byte`;
      return relevant([name]).length === 0 || !(await accepts(bundleArtifact(mended), needingAll));
    });
    await fc.assert(property, { numRuns: 50 });
  });
});

/** The old form with its annotation opened up, so that each of its fields can be changed. */
function flat({ bytes, signature, material }: Extract<Artifact, { kind: "simple" }>): JsonRecord {
  const rekorBundle = JSON.parse(material?.rekorBundle ?? "{}") as JsonRecord;
  const certificate = Buffer.from(readPem(material?.certificate ?? "", "CERTIFICATE")[0] ?? []).toString("base64");
  return { payload: Buffer.from(bytes).toString("base64"), signature, certificate, rekorBundle };
}

function fromFlat({ payload, signature, certificate, rekorBundle }: JsonRecord): Artifact {
  const bytes = Buffer.from(String(payload ?? ""), "base64");
  const pem = writePem(Buffer.from(String(certificate ?? ""), "base64"), "CERTIFICATE");
  const material = { certificate: pem, rekorBundle: JSON.stringify(rekorBundle) };
  return { kind: "simple", bytes, signature: String(signature ?? ""), material };
}
