import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { DAY_MS, HOUR_MS } from "../../../../core/base/clock.ts";
import { notaryStore } from "../../../../core/images/notary/store.ts";
import { verifyNotary } from "../../../../core/images/notary/verify-notary.ts";
import { issue, type KeyKind, named, TYPE } from "../../../support/notary/certificates.ts";
import { MANIFEST_TYPE, payloadOf, type SignatureWish } from "../../../support/notary/envelopes.ts";
import { DIGEST, FORMS, trusting, verdict } from "../../../support/notary/verdict.ts";

const NOW = Date.now();
const PREFIX = "io.cncf.notary.";
const OTHER = `sha256:${"cd".repeat(32)}` as const;

const root = issue("authority", { subject: named("root") });
const middle = issue("authority", { subject: named("middle") }, root);
const leaf = issue("leaf", { subject: named("build") }, middle);
const chain = [leaf, middle, root] as const;
const stranger = issue("authority", { subject: named("root") });

describe.each(FORMS)("a $form signature", ({ form, mediaType, write }) => {
  const judge = (wish: Partial<SignatureWish> = {}, authority = trusting(root), asked = {}) =>
    verdict(mediaType, write(chain, wish), authority, asked);

  it("counts for the authority whose store it leads to, and says who signed", () => {
    expect(judge()).toEqual({
      kind: "signature",
      value: {
        signer: "release",
        role: "release",
        form,
        digest: DIGEST,
        identity: "CN=build, O=Acme, ST=WA, C=US",
        validUntilMs: expect.any(Number),
      },
    });
  });

  it.each<KeyKind>(["RSA 2048", "RSA 3072", "RSA 4096", "P-256", "P-384", "P-521"])(
    "counts with a key of %s",
    (keyKind) => {
      const signer = issue("leaf", { keyKind }, root);
      expect(verdict(mediaType, write([signer, root]), trusting(root))).toMatchObject({ kind: "signature" });
    },
  );

  it("counts by a self-signed certificate alone that is in the store", () => {
    const alone = issue("leaf");
    expect(verdict(mediaType, write([alone]), trusting(alone))).toMatchObject({ kind: "signature" });
  });

  it("counts until its certificate or its own expiry ends it, and no longer", () => {
    const expiryMs = Math.floor(NOW / 1000) * 1000 + HOUR_MS;
    expect(judge({ expiryMs })).toMatchObject({ value: { validUntilMs: expiryMs } });
    const short = issue("leaf", { notAfterMs: expiryMs }, root);
    const ended = { nowMs: expiryMs + 1 };
    expect(verdict(mediaType, write([short, root]), trusting(root))).toMatchObject({
      value: { validUntilMs: expiryMs + 1 },
    });
    expect(verdict(mediaType, write([short, root]), trusting(root), ended)).toMatchObject({ kind: "refused" });
  });

  it("counts by a signing authority of the store, whose own time is believed", () => {
    const atMs = Math.floor(NOW / 1000) * 1000 - 400 * DAY_MS;
    const service = issue("authority", { notBeforeMs: atMs - DAY_MS });
    const signer = issue("leaf", { notBeforeMs: atMs - DAY_MS, notAfterMs: atMs + DAY_MS }, service);
    const wish = { scheme: "notary.x509.signingAuthority", authenticSigningTimeMs: atMs };
    const authority = trusting(root, { signingAuthorities: service.pem });
    expect(verdict(mediaType, write([signer, service], wish), authority)).toMatchObject({
      value: { signedAtMs: atMs },
    });
    expect(
      verdict(mediaType, write([signer, service], { ...wish, authenticSigningTimeMs: NOW }), authority),
    ).toMatchObject({
      why: expect.stringContaining("that expired at"),
    });
  });

  const ends = Math.floor(NOW / 1000) * 1000;
  const refused: [given: string, wish: Partial<SignatureWish>, why: RegExp][] = [
    ["when it is over another image", { payload: payloadOf(OTHER) }, /over another image, sha256:cdcd/],
    ["when it has expired", { signingTimeMs: ends - 2 * HOUR_MS, expiryMs: ends }, /a signature that expired at/],
    ["when it expires before it is made", { signingTimeMs: NOW, expiryMs: NOW - HOUR_MS }, /expiry that is not after/],
    ["when it says no signing time", { signingTimeMs: "none" }, /no io.cncf.notary.signingTime/],
    [
      "when it says the time of the other scheme",
      { authenticSigningTimeMs: NOW },
      /authenticSigningTime under the scheme notary.x509/,
    ],
    ["when its scheme is unknown", { scheme: "notary.x510" }, /a signing scheme of "notary.x510"/],
    [
      "when a signing authority says no time",
      { scheme: "notary.x509.signingAuthority" },
      /no io.cncf.notary.authenticSigningTime/,
    ],
    [
      "when a signing authority says its own clock's time besides",
      { scheme: "notary.x509.signingAuthority", authenticSigningTimeMs: NOW, signingTimeMs: NOW },
      /signingTime under the scheme notary.x509.signingAuthority/,
    ],
    [
      "when an end user's authority plays a signing authority",
      { scheme: "notary.x509.signingAuthority", authenticSigningTimeMs: NOW },
      /one of the trust store's 0 signing authorities/,
    ],
    [
      "when its payload is of another type",
      { contentType: "application/json" },
      /a content type of "application\/json"/,
    ],
    ["when its payload is no descriptor", { payload: "{}" }, /a payload that is no descriptor/],
    [
      "when its payload names the image twice",
      { payload: payloadOf(DIGEST).replace("{", `{"targetArtifact":0,`) },
      /payload that is no/,
    ],
    [
      "when its payload has another hash",
      { payload: payloadOf(`sha512:${"ab".repeat(64)}` as never) },
      /payload that is no descriptor/,
    ],
    ["when nothing is critical", { critical: [] }, /crit/],
    [
      "when its scheme is not critical",
      { critical: [`${PREFIX}expiry`], expiryMs: NOW + HOUR_MS },
      /signingScheme that is not marked critical/,
    ],
    [
      "when its expiry is not critical",
      { critical: [`${PREFIX}signingScheme`], expiryMs: NOW + HOUR_MS },
      /expiry that is not marked critical/,
    ],
    [
      "when the signer's own clock is critical",
      { critical: [`${PREFIX}signingScheme`, `${PREFIX}signingTime`] },
      /not understood here/,
    ],
    [
      "when something unknown is critical",
      { critical: [`${PREFIX}signingScheme`, "com.example.check"], more: { "com.example.check": "yes" } },
      /a critical attribute "com.example.check" that is not understood/,
    ],
    ["when something is critical that is not there", { critical: [`${PREFIX}signingScheme`, "b64"] }, /not understood/],
    [
      "when one thing is critical twice",
      { critical: [`${PREFIX}signingScheme`, `${PREFIX}signingScheme`] },
      /critical twice/,
    ],
    [
      "when a plugin must judge it",
      { more: { [`${PREFIX}verificationPlugin`]: "com.example.plugin" } },
      /plugin must judge it/,
    ],
    [
      "when its algorithm is of another key",
      { algorithm: form === "notation-jws" ? "ES384" : -35 },
      /the algorithm "?(ES384|-35)/,
    ],
    ["when its algorithm is none", { algorithm: form === "notation-jws" ? "none" : 0 }, /the algorithm/],
    ["when its algorithm is symmetric", { algorithm: form === "notation-jws" ? "HS256" : 5 }, /the algorithm/],
  ];
  it.each(refused)("is refused %s", (_, wish, why) => {
    expect(judge(wish)).toEqual({ kind: "refused", why: expect.stringMatching(why) });
  });

  it("may say more than is asked, as long as that is not critical", () => {
    expect(judge({ more: { "com.example.note": "hello" }, unsigned: { "com.example.loose": "hello" } })).toMatchObject({
      kind: "signature",
    });
  });

  it("is refused when its chain leads to a namesake of the trusted root", () => {
    expect(judge({}, trusting(stranger))).toMatchObject({
      kind: "refused",
      why: expect.stringMatching(/a chain to "CN=root.*1 certificates/),
    });
  });

  it.each([
    ["the signing certificate", leaf],
    ["an authority", middle],
    ["the root", root],
  ])("is refused when the store has taken %s back", (_, { der }) => {
    const revoked = (bytes: Uint8Array) => [createHash("sha256").update(bytes).digest("hex")];
    expect(judge({}, trusting(root, { revoked: revoked(der) }))).toMatchObject({
      why: expect.stringContaining("that the trust store has taken back"),
    });
    expect(judge({}, trusting(root, { revoked: revoked(stranger.der) }))).toMatchObject({ kind: "signature" });
  });

  it("is refused with PSS of another salt", () => {
    const signer = issue("leaf", { keyKind: "RSA 2048" }, root);
    expect(verdict(mediaType, write([signer, root], { saltLength: 20 }), trusting(root))).toMatchObject({
      why: expect.stringContaining("key did not make"),
    });
  });

  it("is held to the media type and the size of the manifest as it was received", () => {
    const target = { mediaType: MANIFEST_TYPE, size: 528 };
    expect(judge({}, trusting(root), { target })).toMatchObject({ kind: "signature" });
    const index = { mediaType: "application/vnd.oci.image.index.v1+json", size: 528 };
    expect(judge({}, trusting(root), { target: index })).toMatchObject({
      why: expect.stringContaining("as the registry serves it"),
    });
    expect(judge({}, trusting(root), { target: { ...target, size: 529 } })).toMatchObject({
      why: expect.stringContaining("over 528 bytes"),
    });
  });

  const identities: [identity: string, counts: boolean][] = [
    ["x509.subject: C=US, ST=WA, O=Acme, CN=build", true],
    ["x509.subject:CN=build,O=Acme,S=WA,C=US", true],
    ["x509.subject: C=US, ST=WA, O=Acme", true],
    ["x509.subject: C=US, ST=WA, O=Acme, CN=build2", false],
    ["x509.subject: C=US, ST=WA, O=Acme, CN=buil", false],
    ["x509.subject: C=US, ST=WA, O=acme", false],
    ["x509.subject: C=US, ST=WA, O=Acme, OU=Finance", false],
  ];
  it.each(identities)("by the identity %s counts: %s", (identity, counts) => {
    const found = judge({}, trusting(root, {}, [identity]));
    expect(found).toMatchObject(
      counts ? { kind: "signature" } : { why: expect.stringMatching(/by "CN=build, O=Acme.*expected one by/) },
    );
  });

  const subjects: [given: string, subject: readonly (readonly [string, string])[], why: RegExp][] = [
    ["names an organisational unit twice", [...named("x"), [TYPE.OU, "a"], [TYPE.OU, "b"]], /OU twice/],
    ["names no state", named("x").filter(([type]) => type !== TYPE.ST), /without ST/],
    [
      "has an attribute that is not compared",
      [...named("x"), ["1.2.840.113549.1.9.1", "a@acme.example"]],
      /is not compared/,
    ],
  ];
  it.each(subjects)("matches no identity when its subject %s, though it may match every one", (_, subject, why) => {
    const signer = issue("leaf", { subject }, root);
    const by = (identities: string[]) => verdict(mediaType, write([signer, root]), trusting(root, {}, identities));
    expect(by(["x509.subject: C=US, ST=WA, O=Acme"])).toMatchObject({ why: expect.stringMatching(why) });
    expect(by(["*"])).toMatchObject({ kind: "signature" });
  });

  it("is told by a name in which no value looks like another attribute", () => {
    const signer = issue("leaf", { subject: named("build, O=Bank+") }, root);
    expect(verdict(mediaType, write([signer, root]), trusting(root))).toMatchObject({
      value: { identity: "CN=build\\, O=Bank\\+, O=Acme, ST=WA, C=US" },
    });
  });

  it("signs nothing for an authority of another role", () => {
    expect(judge({}, { ...trusting(root), role: "scanner" })).toMatchObject({
      why: expect.stringContaining("a role of scanner"),
    });
  });

  it("is judged for each authority by itself", () => {
    const bytes = write(chain);
    const artifact = { kind: "notary", bytes, mediaType } as never;
    const stores = [trusting(stranger), trusting(root)].map(notaryStore);
    expect(verifyNotary(artifact, DIGEST, stores, NOW).map(({ kind }) => kind)).toEqual(["refused", "signature"]);
    expect(verifyNotary(artifact, DIGEST, [], NOW)).toMatchObject([
      { why: expect.stringContaining("no authority of the policy") },
    ]);
  });
});
