import { describe, expect, it } from "@jest/globals";
import { DAY_MS } from "../../../../core/base/clock.ts";
import { CERTIFICATE_LIMIT_BYTES, CHAIN_LIMIT } from "../../../../core/images/notary/limits.ts";
import { notaryStore } from "../../../../core/images/notary/store.ts";
import { octetString, oid, sequence } from "../../../../core/wire/x509/der-writer.ts";
import { extension } from "../../../../core/wire/x509/writer.ts";
import { type CertificateWish, EKU, type Issued, issue, named } from "../../../support/notary/certificates.ts";
import { signJws, writeJws } from "../../../support/notary/envelopes.ts";
import { DIGEST, trusting, verdict } from "../../../support/notary/verdict.ts";

type Chain = readonly [Issued, ...Issued[]];

const root = issue("authority", { subject: named("root") });
const judge = (chain: Chain, store = root) =>
  verdict("application/jose+json", writeJws(signJws(chain, DIGEST)), trusting(store));
const byLeaf = (wish: Partial<CertificateWish>) => judge([issue("leaf", wish, root), root]);
const byAuthority = (wish: Partial<CertificateWish>) => {
  const middle = issue("authority", wish, root);
  return judge([issue("leaf", {}, middle), middle, root]);
};

describe("a signing certificate is refused", () => {
  const cases: [given: string, wish: Partial<CertificateWish>, why: RegExp][] = [
    ["when it is an authority", { basicConstraints: { isCa: true } }, /that is an authority/],
    ["when it says nothing of its use", { keyUsage: "none" }, /without key usage digitalSignature/],
    ["when its key usage is not critical", { keyUsage: { bits: [0], critical: false } }, /key usage is not critical/],
    ["when it may not sign", { keyUsage: { bits: [1] } }, /without key usage digitalSignature/],
    ["when it may encipher keys", { keyUsage: { bits: [0, 2] } }, /keyEncipherment/],
    ["when it may encipher data", { keyUsage: { bits: [0, 3] } }, /dataEncipherment/],
    ["when it may agree on keys", { keyUsage: { bits: [0, 4] } }, /keyAgreement/],
    ["when it may sign certificates", { keyUsage: { bits: [0, 5] } }, /keyCertSign/],
    ["when it may sign revocation lists", { keyUsage: { bits: [0, 6] } }, /cRLSign/],
    ["when it may encipher only", { keyUsage: { bits: [0, 7] } }, /encipherOnly/],
    ["when it may decipher only", { keyUsage: { bits: [0, 8] } }, /decipherOnly/],
    ...(["any", "serverAuth", "clientAuth", "emailProtection", "timeStamping", "ocspSigning"] as const).map(
      (use): [string, Partial<CertificateWish>, RegExp] => [
        `when it is for ${use} besides`,
        { extKeyUsage: { purposes: [EKU.codeSigning, EKU[use]] } },
        new RegExp(`extended key usage ${EKU[use].replaceAll(".", "\\.")}`),
      ],
    ),
    ["when its key is short", { keyKind: "RSA 1024" }, /with an RSA key of 1024 bits/],
    ["when its key is everybody's", { keyKind: "RSA of exponent 1" }, /with an RSA key of exponent 1/],
    ["when its key is of another kind", { keyKind: "ed25519" }, /a key of kind ed25519/],
    ["when it was signed with SHA-1", { hash: "sha1" }, /signed by algorithm 1.2.840.10045.4.1/],
  ];
  it.each(cases)("%s", (_, wish, why) => {
    expect(byLeaf(wish)).toEqual({ kind: "refused", why: expect.stringMatching(why) });
  });

  it.each<[string, Partial<CertificateWish>]>([
    ["it names no extended use", { extKeyUsage: "none" }],
    ["it may bind to content, too", { keyUsage: { bits: [0, 1] } }],
    ["it says that it is no authority", { basicConstraints: { isCa: false } }],
    [
      "it has an extension that nobody here knows",
      { more: [extension("1.2.3.4", true, octetString(Uint8Array.of(1)))] },
    ],
  ])("but not when %s", (_, wish) => {
    expect(byLeaf(wish)).toMatchObject({ kind: "signature" });
  });
});

describe("an authority in the chain is refused", () => {
  const cases: [given: string, wish: Partial<CertificateWish>, why: RegExp][] = [
    ["when it is none", { basicConstraints: { isCa: false } }, /that is no authority/],
    ["when it does not say that it is one", { basicConstraints: "none" }, /that is no authority/],
    ["when that is not critical", { basicConstraints: { isCa: true, critical: false } }, /that is no authority/],
    ["when it may not sign certificates", { keyUsage: { bits: [6] } }, /may not sign certificates/],
    ["when its key usage is not critical", { keyUsage: { bits: [5], critical: false } }, /may not sign certificates/],
    ["when its key is short", { keyKind: "RSA 1024" }, /with an RSA key of 1024 bits/],
    ["when it says nothing of its use", { keyUsage: "none" }, /may not sign certificates/],
    [
      "when it has expired",
      { notBeforeMs: Date.now() - 9 * DAY_MS, notAfterMs: Date.now() - DAY_MS },
      /that expired at/,
    ],
    ["when it is not valid yet", { notBeforeMs: Date.now() + DAY_MS }, /was not valid before/],
  ];
  it.each(cases)("%s", (_, wish, why) => {
    expect(byAuthority(wish)).toEqual({ kind: "refused", why: expect.stringMatching(why) });
  });

  it("when its path is longer than it may be", () => {
    expect(byAuthority({ basicConstraints: { isCa: true, pathLength: 0 } })).toMatchObject({ kind: "signature" });
    const top = issue("authority", { basicConstraints: { isCa: true, pathLength: 0 } }, root);
    const low = issue("authority", {}, top);
    expect(judge([issue("leaf", {}, low), low, top, root])).toMatchObject({
      why: expect.stringContaining("path length is 0"),
    });
  });
});

describe("a chain is refused", () => {
  const middle = issue("authority", { subject: named("middle") }, root);
  const leaf = issue("leaf", {}, middle);
  const namesake = issue("authority", { subject: named("middle") }, root);
  const cases: [given: string, chain: Chain, why: RegExp][] = [
    ["without its root", [leaf, middle], /a chain that ends in .*middle/],
    ["that is the leaf alone", [leaf], /a chain that ends in/],
    ["in disorder", [leaf, root, middle], /that the next one did not issue/],
    ["with a namesake that did not sign", [leaf, namesake, root], /that the next one did not issue/],
    ["with its root twice", [leaf, middle, root, root], /self-signed/],
    ["with a stranger behind its root", [leaf, middle, root, issue("authority")], /self-signed/],
    ["that begins with the authority", [middle, root], /that is an authority/],
  ];
  it.each(cases)("%s", (_, chain, why) => {
    expect(judge(chain)).toEqual({ kind: "refused", why: expect.stringMatching(why) });
  });

  it(`of more than ${CHAIN_LIMIT} certificates`, () => {
    const upwards = [root];
    while (upwards.length < CHAIN_LIMIT) upwards.unshift(issue("authority", {}, upwards[0]));
    const long = [issue("leaf", {}, upwards[0]), ...upwards] as const;
    expect(judge(long as unknown as Chain)).toMatchObject({ kind: "refused" });
    expect(judge([issue("leaf", {}, upwards[1]), ...upwards.slice(1)])).toMatchObject({ kind: "signature" });
  });

  it("with a certificate that is none, or too large", () => {
    const given = (der: Uint8Array) =>
      verdict(
        "application/jose+json",
        writeJws(signJws([leaf, middle, root], DIGEST, { chain: [der, middle.der, root.der] })),
        trusting(root),
      );
    expect(given(Uint8Array.of(0x30, 0))).toMatchObject({
      why: expect.stringContaining("a certificate that cannot be read"),
    });
    expect(given(Buffer.from(leaf.pem))).toMatchObject({
      why: expect.stringContaining("a certificate that cannot be read"),
    });
    expect(given(Buffer.concat([leaf.der, Uint8Array.of(0)]))).toMatchObject({
      why: expect.stringContaining("bytes after its end"),
    });
    const fat = issue(
      "leaf",
      { more: [extension("1.2.3.4", false, octetString(new Uint8Array(CERTIFICATE_LIMIT_BYTES)))] },
      middle,
    );
    expect(given(fat.der)).toMatchObject({ why: expect.stringContaining(`${CERTIFICATE_LIMIT_BYTES} at most`) });
    const twice = [extension("1.2.3.4", false, sequence(oid("1.2.3"))), extension("1.2.3.4", false, sequence())];
    expect(given(issue("leaf", { more: twice }, middle).der)).toMatchObject({
      why: expect.stringContaining("cannot be read"),
    });
  });
});

describe("a trust store", () => {
  const refusing = (more: object) => () => notaryStore(trusting(root, more));

  it("holds authorities, self-signed certificates, and for timestamps roots alone", () => {
    const alone = issue("leaf");
    const middle = issue("authority", {}, root);
    expect(notaryStore(trusting(root, { certificates: `${alone.pem}${middle.pem}` })).authorities).toHaveLength(2);
    expect(refusing({ certificates: issue("leaf", {}, root).pem })).toThrow(
      /release: certificates: .*or a self-signed one/,
    );
    expect(refusing({ timestampAuthorities: middle.pem })).toThrow(/release: timestampAuthorities: .*self-signed root/);
  });

  it("is refused by name when it cannot be read", () => {
    const broken = root.pem.replace(/\n[A-Za-z0-9+/]{8}/, "\nAAAAAAAA");
    expect(refusing({ certificates: broken })).toThrow(expect.objectContaining({ code: "TRUST_ROOT_INVALID" }));
    expect(refusing({ certificates: "" })).toThrow(/no certificate/);
    expect(refusing({ signingAuthorities: broken })).toThrow(/signingAuthorities/);
  });

  it("trusts an intermediate that is in it, as notation does", () => {
    const middle = issue("authority", {}, root);
    expect(judge([issue("leaf", {}, middle), middle, root], middle)).toMatchObject({ kind: "signature" });
  });
});
