import { describe, expect, it } from "@jest/globals";
import type { Artifact } from "../../../../core/images/claims/artifact.ts";
import { COSIGN_SIGN_PREDICATE } from "../../../../core/images/media-types.ts";
import { LOG_ENTRIES_LIMIT } from "../../../../core/images/sigstore/limits.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Discovered } from "../../../../core/policy/evidence.ts";
import type { Authority } from "../../../../core/policy/images/schema/authority.ts";
import type { JsonRecord, SigstoreRoot } from "../../../../core/policy/images/schema/trust-root.ts";
import { preAuthEncoding, readEnvelope } from "../../../../core/wire/dsse.ts";
import { utf8String } from "../../../../core/wire/x509/der-writer.ts";
import { extension } from "../../../../core/wire/x509/writer.ts";
import { bundleArtifact, createSigstore, SIGNED_AT_MS, type Wrapping } from "../../../support/sigstore/authority.ts";
import { authorityCertificate, generalName, type Leaf, USAGE } from "../../../support/sigstore/certificates.ts";
import { ENTRIES, type EntryKind, type Logged } from "../../../support/sigstore/entries.ts";
import { withLeaf } from "../../../support/sigstore/mutate.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const LEAF: Leaf = { subject: "https://github.test/acme/shop@refs/heads/main", issuer: "https://accounts.test" };
const sigstore = createSigstore();
const stranger = createSigstore();
const HOUR_MS = 3_600_000;
const VALIDITY = { notBeforeMs: SIGNED_AT_MS - HOUR_MS, notAfterMs: SIGNED_AT_MS + HOUR_MS };

function statement(digest: string = DIGEST, predicateType: string = COSIGN_SIGN_PREDICATE): object {
  const subject = [{ digest: { sha256: digest.slice("sha256:".length) } }];
  return { _type: "https://in-toto.io/Statement/v1", subject, predicateType, predicate: {} };
}

interface Wanted {
  readonly issuer?: string;
  readonly issuerPattern?: string;
  readonly subject?: string;
  readonly subjectPattern?: string;
}

function trust(root: SigstoreRoot = sigstore.root(), wanted: Wanted = { issuer: LEAF.issuer, subject: LEAF.subject }) {
  return parseTrust([{ name: "release", role: "release", keyless: { ...wanted, trustRoot: "t", root } } as Authority]);
}

/** Why it is refused; "" when it is not. */
async function why(artifact: Discovered<Artifact>, trusted = trust()): Promise<string> {
  const [worth] = await verifyArtifact(artifact, DIGEST, trusted);
  return worth?.kind === "refused" ? worth.why : "";
}

function bundle(leaf: Leaf = LEAF, how: Wrapping = {}, options: Parameters<typeof sigstore.issue>[1] = {}): JsonRecord {
  return sigstore.bundle(sigstore.issue(leaf, options), statement(), how);
}

const BY = `a signature by ${LEAF.subject} (issuer ${LEAF.issuer})`;

describe("an identity", () => {
  const identities: [given: string, wanted: Wanted, believed: boolean][] = [
    ["is the one named", { issuer: LEAF.issuer, subject: LEAF.subject }, true],
    ["matches a pattern whole", { issuer: LEAF.issuer, subjectPattern: "https://github\\.test/acme/.+" }, true],
    [
      "matches both patterns",
      { issuerPattern: "https://accounts\\.(test|example)", subjectPattern: ".*@refs/heads/main" },
      true,
    ],
    ["merely starts like the one named", { issuer: LEAF.issuer, subject: "https://github.test/acme/shop" }, false],
    ["merely contains a pattern", { issuer: LEAF.issuer, subjectPattern: "acme" }, false],
    ["matches one alternative's start", { issuer: LEAF.issuer, subjectPattern: "https://github\\.test/acme|x" }, false],
    ["has another issuer", { issuer: "https://accounts.test.evil", subject: LEAF.subject }, false],
    ["is for an authority that names nobody", {}, false],
    ["is for an authority that names no issuer", { subject: LEAF.subject }, false],
  ];
  it.each(identities)("that %s", async (_, wanted, believed) => {
    const refused = await why(bundleArtifact(bundle()), trust(sigstore.root(), wanted));
    expect(refused).toBe(believed ? "" : `${BY}, an identity that no authority of the policy has`);
  });

  it("that is long costs no more than it should, whatever the pattern", async () => {
    const long = `https://github.test/${"a".repeat(900)}`;
    const refused = await why(
      bundleArtifact(bundle({ ...LEAF, subject: long })),
      trust(sigstore.root(), { issuer: LEAF.issuer, subjectPattern: "https://github.test/(a+)+b" }),
    );
    expect(refused).toContain("an identity that no authority of the policy has");
  });
});

describe("a certificate is refused", () => {
  const stop = extension("1.3.6.1.4.1.99999.1", true, utf8String("stop"));
  const other = authorityCertificate("other root", VALIDITY);
  const notAuthority = authorityCertificate("no authority", VALIDITY, sigstore.rootCa, {
    isCa: false,
    usage: USAGE.codeSigning,
  });
  const cases: [given: string, leaf: Leaf, options: Parameters<typeof sigstore.issue>[1], reason: string][] = [
    ["for servers", { ...LEAF, usage: USAGE.serverAuth }, {}, "not for signing code"],
    ["of an authority", { ...LEAF, isCa: true }, {}, "is an authority's"],
    ["that may not sign", { ...LEAF, digitalSignature: false }, {}, "not for signatures"],
    ["with a critical extension nobody knows", { ...LEAF, more: [stop] }, {}, "not understood, 1.3.6.1.4.1.99999.1"],
    [
      "with two names",
      { ...LEAF, names: [generalName(LEAF.subject), generalName("b@c.test")] },
      {},
      "has 2 names, expected one",
    ],
    ["with no name", { ...LEAF, names: [] }, {}, "has 0 names, expected one"],
    [
      "with a name that is longer than any",
      { ...LEAF, subject: `https://${"a".repeat(1100)}` },
      {},
      "a name of 1108 characters",
    ],
    [
      "with two issuers that disagree",
      { ...LEAF, olderIssuer: "https://elsewhere.test" },
      {},
      "two issuers that disagree",
    ],
    ["with a short key", LEAF, { kind: "rsa of 1024 bits" }, "signature verification failed"],
    ["with a key that everybody can sign with", LEAF, { kind: "rsa of exponent 1" }, "signature verification failed"],
    ["that no certificate log has seen", LEAF, { sct: false }, "expected 1 SCTs, got 0"],
    ["of another root", LEAF, { issuer: other }, "Failed to verify certificate chain"],
    ["issued by who is no authority", LEAF, { issuer: notAuthority }, "Failed to verify certificate chain"],
    ["that had ended when it was used", LEAF, { atMs: SIGNED_AT_MS - HOUR_MS }, "Failed to verify certificate chain"],
    [
      "that had not begun when it was used",
      LEAF,
      { atMs: SIGNED_AT_MS + HOUR_MS },
      "Failed to verify certificate chain",
    ],
  ];
  it.each(cases)("%s", async (_, leaf, options, reason) => {
    expect(await why(bundleArtifact(bundle(leaf, {}, options)))).toContain(reason);
  });

  it("of another instance, whose names are all the same", async () => {
    const theirs = stranger.bundle(stranger.issue(LEAF), statement());
    expect(await why(bundleArtifact(theirs))).toContain(`${BY}, which does not verify`);
  });

  it("seen by another certificate log than the root's", async () => {
    const theirs = { ...sigstore.trustedRoot(), ctlogs: stranger.trustedRoot()["ctlogs"] ?? [] };
    expect(await why(bundleArtifact(bundle()), trust({ ...sigstore.root(), trustedRoot: theirs }))).toContain(
      "SCT verification failed",
    );
  });
});

describe("a signature without witnesses is refused", () => {
  const entry = ["verificationMaterial", "tlogEntries", 0] as const;
  const cases: [given: string, value: () => JsonRecord, root: SigstoreRoot, reason: string][] = [
    [
      "with no log entry",
      () => bundle(LEAF, { entries: [], timestamp: true }),
      sigstore.root(),
      "found entries of 0 logs of the trust root, expected 1",
    ],
    [
      "with a log entry that has no time, and no timestamp",
      () => bundle(LEAF, { entries: ["dsse 0.0.2"] }),
      sigstore.root(),
      "nothing that is trusted says when it was made",
    ],
    [
      "with one log where two are wanted",
      () => bundle(),
      sigstore.root({ transparencyLog: 2 }),
      "found entries of 1 logs of the trust root, expected 2",
    ],
    [
      "with two entries of one log where two logs are wanted",
      () => bundle(LEAF, { entries: ["dsse 0.0.2", "hashedrekord 0.0.2"], timestamp: true }),
      sigstore.root({ transparencyLog: 2 }),
      "found entries of 1 logs",
    ],
    [
      "with no timestamp where one is wanted",
      () => bundle(),
      sigstore.root({ timestamps: 1 }),
      "found 0 timestamp authorities, expected 1",
    ],
    [
      "with a time that no log signed",
      () =>
        withLeaf(
          bundle(LEAF, { entries: ["dsse 0.0.2"], timestamp: true }),
          [...entry, "integratedTime"],
          "1772366400",
        ) as JsonRecord,
      sigstore.root(),
      "a time that no log signed",
    ],
    [
      "with a time that is written otherwise than the log does",
      () => withLeaf(bundle(), [...entry, "integratedTime"], "1.7723664e9") as JsonRecord,
      sigstore.root(),
      "a time that is no whole number",
    ],
    [
      "with more log entries than are read",
      () => bundle(LEAF, { entries: Array.from({ length: LOG_ENTRIES_LIMIT + 1 }, () => "dsse 0.0.1" as const) }),
      sigstore.root(),
      `more than ${LOG_ENTRIES_LIMIT} log entries`,
    ],
  ];
  it.each(cases)("%s", async (_, value, root, reason) => {
    expect(await why(bundleArtifact(value()), trust(root))).toContain(reason);
  });

  it("with a timestamp that was not granted", async () => {
    const holder = sigstore.issue(LEAF);
    const good = sigstore.bundle(holder, statement(), { timestamp: true });
    const signature = Buffer.from(
      (good["dsseEnvelope"] as { signatures: { sig: string }[] }).signatures[0]?.sig ?? "",
      "base64",
    );
    const path = ["verificationMaterial", "timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp"];
    const rejected = sigstore.stamps.stamp(signature, SIGNED_AT_MS, 2).toString("base64");
    expect(await why(bundleArtifact(withLeaf(good, path, rejected) as JsonRecord))).toContain("was not granted");
  });

  it("with a log that was retired before", async () => {
    const retired = withLeaf(sigstore.trustedRoot(), ["tlogs", 1, "publicKey", "validFor"], {
      start: "2026-01-01T00:00:00Z",
      end: "2026-02-01T00:00:00Z",
    });
    const root = { ...sigstore.root(), trustedRoot: retired as JsonRecord };
    expect(
      await why(bundleArtifact(bundle(LEAF, { entries: ["dsse 0.0.2"], timestamp: true })), trust(root)),
    ).toContain("was not in use at that time");
  });
});

describe("a log entry is refused", () => {
  const holder = sigstore.issue(LEAF);
  const entry = ["verificationMaterial", "tlogEntries"] as const;
  const entriesOf = (value: JsonRecord) => (value["verificationMaterial"] as JsonRecord)["tlogEntries"] as JsonRecord[];
  const cases: [given: string, of: () => JsonRecord, reason: string][] = [
    ["of another signature over the same", () => sigstore.bundle(holder, statement()), "about another signature"],
    ["of another signer", () => sigstore.bundle(sigstore.issue(LEAF), statement()), "about another signature"],
    [
      "of another image",
      () => sigstore.bundle(holder, statement(`sha256:${"b2".repeat(32)}`)),
      "about another signature",
    ],
    [
      "of a kind that is not understood",
      () =>
        withLeaf(
          bundle(),
          [...entry, 0, "canonicalizedBody"],
          Buffer.from('{"apiVersion":"0.0.1","kind":"rpm"}').toString("base64"),
        ) as JsonRecord,
      "of kind rpm/0.0.1, which is not understood",
    ],
  ];
  it.each(cases)("%s", async (_, of, reason) => {
    const good = sigstore.bundle(holder, statement());
    const swapped = withLeaf(good, entry, entriesOf(of()) as never) as JsonRecord;
    expect(await why(bundleArtifact(swapped))).toContain(reason);
  });

  const KINDS: readonly EntryKind[] = Object.keys(ENTRIES) as EntryKind[];
  it.each(KINDS)(
    "of kind %s, that the log took with this very signature for another signer or content",
    async (kind) => {
      const good = sigstore.bundle(holder, statement(), { entries: [kind], timestamp: true });
      const { payloadType, payload, signatures } = readEnvelope(good["dsseEnvelope"]);
      const signed = preAuthEncoding(payloadType, payload);
      const verifierOf = ({ certificate }: typeof holder) =>
        ({ der: certificate ?? Buffer.alloc(0), label: "CERTIFICATE" }) as const;
      const logged = {
        payload,
        payloadType,
        signed,
        signature: signatures[0] ?? payload,
        verifier: verifierOf(holder),
      };
      const log = kind.startsWith("intoto") || kind.endsWith("0.0.1") ? sigstore.rekorV1 : sigstore.rekorV2;
      const relogged = (change: Partial<Logged>) => {
        const added = log.add(ENTRIES[kind]({ ...logged, ...change }), SIGNED_AT_MS);
        return why(bundleArtifact(withLeaf(good, entry, [added] as never) as JsonRecord));
      };
      expect(await relogged({})).toBe("");
      expect(await relogged({ verifier: verifierOf(sigstore.issue(LEAF)) })).toContain("about another signer");
      const other = Buffer.from("{}");
      expect(await relogged({ payload: other, signed: other })).toContain("about another content");
    },
  );

  it("of a log that the root does not have, alone", async () => {
    const root = { ...sigstore.root(), trustedRoot: { ...sigstore.trustedRoot(), tlogs: [] } };
    expect(await why(bundleArtifact(bundle()), trust(root))).toContain(
      "found entries of 0 logs of the trust root, expected 1",
    );
  });
});

describe("what is signed is refused", () => {
  it("when it is about another image", async () => {
    const other = sigstore.bundle(sigstore.issue(LEAF), statement(`sha256:${"b2".repeat(32)}`));
    expect(await why(bundleArtifact(other))).toBe("a signature by release about another image");
  });

  it("when two signatures are over it, of which a log entry could mean either", async () => {
    const good = bundle();
    const envelope = good["dsseEnvelope"] as { signatures: JsonRecord[] };
    const two = {
      ...good,
      dsseEnvelope: { ...envelope, signatures: [...envelope.signatures, ...envelope.signatures] },
    };
    expect(await why(bundleArtifact(two as unknown as JsonRecord))).toMatch(
      /2 signatures, expected one|invalid bundle/,
    );
  });

  it("when it is a message, not a statement", async () => {
    const { dsseEnvelope: _, ...rest } = bundle();
    const message = {
      ...rest,
      messageSignature: { messageDigest: { algorithm: "SHA2_256", digest: "AAAA" }, signature: "AAAA" },
    };
    expect(await why(bundleArtifact(message))).toContain("signs a message, not a statement");
  });
});
