import { describe, expect, it } from "@jest/globals";
import type { Artifact } from "../../../../core/images/claims/artifact.ts";
import { COSIGN_SIGN_PREDICATE } from "../../../../core/images/media-types.ts";
import {
  ANNOTATION_LIMIT_CHARS,
  AUTHORITIES_PER_ROOT,
  CHAIN_LIMIT,
  CHECKPOINT_LIMIT_CHARS,
  ENTRY_BODY_LIMIT_BYTES,
  IDENTITY_LIMIT_CHARS,
  LOG_ENTRIES_LIMIT,
  PROOF_HASHES_LIMIT,
  TIMESTAMP_LIMIT_BYTES,
  TIMESTAMPS_LIMIT,
} from "../../../../core/images/sigstore/limits.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Discovered } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import type { Json, JsonRecord } from "../../../../core/policy/images/schema/trust-root.ts";
import { bundleArtifact, createSigstore } from "../../../support/sigstore/authority.ts";
import { at, type Path, withLeaf } from "../../../support/sigstore/mutate.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const LEAF = { subject: "release@acme.test", issuer: "https://accounts.test" };
const sigstore = createSigstore();
const holder = sigstore.issue(LEAF);
const GOOD = sigstore.bundle(holder, statement(), { timestamp: true });

function statement(): object {
  const subject = [{ digest: { sha256: DIGEST.slice("sha256:".length) } }];
  return { _type: "https://in-toto.io/Statement/v1", subject, predicateType: COSIGN_SIGN_PREDICATE, predicate: {} };
}

function trust(changes: JsonRecord = {}, identity = LEAF) {
  const root = { ...sigstore.root(), trustedRoot: { ...sigstore.trustedRoot(), ...changes } };
  return parseTrust([
    { name: "release", role: "release", keyless: { ...identity, trustRoot: "t", root } } as Authority,
  ]);
}

async function why(artifact: Artifact, trusted = trust()): Promise<string> {
  const [worth] = await verifyArtifact(artifact as Discovered<Artifact>, DIGEST, trusted);
  return worth?.kind === "refused" ? worth.why : "";
}

const entry = (...rest: Path): Path => ["verificationMaterial", "tlogEntries", 0, ...rest];
const repeat = (value: Json, times: number): Json => Array.from({ length: times }, () => value);
const base64 = (bytes: number) => Buffer.alloc(bytes, 0x30).toString("base64");

describe("what one signature may hold is bounded:", () => {
  const stamps: Path = ["verificationMaterial", "timestampVerificationData", "rfc3161Timestamps"];
  const cases: [what: string, path: Path, value: Json, reason: string][] = [
    [
      "log entries",
      entry().slice(0, -1),
      repeat(at(GOOD, entry()) ?? null, LOG_ENTRIES_LIMIT + 1),
      "more than 8 log entries",
    ],
    ["timestamps", stamps, repeat(at(GOOD, [...stamps, 0]) ?? null, TIMESTAMPS_LIMIT + 1), "more than 8 timestamps"],
    [
      "a timestamp",
      [...stamps, 0, "signedTimestamp"],
      base64(TIMESTAMP_LIMIT_BYTES + 1),
      "its timestamp is of 32769 bytes",
    ],
    [
      "a log entry's body",
      entry("canonicalizedBody"),
      base64(ENTRY_BODY_LIMIT_BYTES + 1),
      "its log entry is too large",
    ],
    [
      "a proof",
      entry("inclusionProof", "hashes"),
      repeat(base64(32), PROOF_HASHES_LIMIT + 1),
      "its inclusion proof is too long",
    ],
    [
      "a checkpoint",
      entry("inclusionProof", "checkpoint", "envelope"),
      "x".repeat(CHECKPOINT_LIMIT_CHARS + 1),
      "its checkpoint is too long",
    ],
  ];
  it.each(cases)("%s", async (_, path, value, reason) => {
    expect(await why(bundleArtifact(GOOD))).toBe("");
    expect(await why(bundleArtifact(withLeaf(GOOD, path, value) as JsonRecord))).toContain(reason);
  });

  it("a name in a certificate", async () => {
    const longest = { ...LEAF, subject: `https://${"a".repeat(IDENTITY_LIMIT_CHARS - "https://".length)}` };
    const longer = { ...longest, subject: `${longest.subject}a` };
    const signed = (leaf: typeof LEAF) => bundleArtifact(sigstore.bundle(sigstore.issue(leaf), statement()));
    expect(await why(signed(longest), trust({}, longest))).toBe("");
    expect(await why(signed(longer), trust({}, longer))).toContain("a name of 1025 characters");
  });

  it("an annotation", async () => {
    const simple = sigstore.simple(holder, {});
    const material = { ...simple.material, chain: "", certificate: "x".repeat(ANNOTATION_LIMIT_CHARS + 1) };
    expect(await why({ ...simple, material })).toContain(`an annotation of ${ANNOTATION_LIMIT_CHARS + 1} characters`);
  });
});

describe("what a trusted root may hold is bounded:", () => {
  const [log = null] = sigstore.trustedRoot()["tlogs"] as Json[];
  const [authority] = sigstore.trustedRoot()["certificateAuthorities"] as JsonRecord[];
  const certificate = at(authority, ["certChain", "certificates", 0]) ?? null;

  it("logs and authorities", () => {
    expect(trust({ tlogs: repeat(log, AUTHORITIES_PER_ROOT) }).keyless).toHaveLength(1);
    expect(() => trust({ tlogs: repeat(log, AUTHORITIES_PER_ROOT + 1) })).toThrow("tlogs");
  });

  it("certificates of a chain", () => {
    const long = { ...authority, certChain: { certificates: repeat(certificate, CHAIN_LIMIT + 1) } } as JsonRecord;
    expect(() => trust({ certificateAuthorities: [long] })).toThrow("certChain.certificates: Too big");
  });
});
