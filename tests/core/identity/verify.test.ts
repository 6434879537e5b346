import { X509Certificate } from "node:crypto";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { verifyPeer, verifySvid } from "../../../core/identity/verify.ts";
import {
  CLIENT_AUTH,
  GOOD_ID,
  HOUR_MS,
  intermediate,
  type LeafFacts,
  leaf,
  type OtherAuthority,
  otherAuthority,
  SERVER_AUTH,
  x509,
} from "./certificates.ts";

let authority: OtherAuthority;
let stranger: OtherAuthority;
beforeAll(async () => {
  authority = await otherAuthority();
  stranger = await otherAuthority("CN=other root");
});

async function verdict(facts: LeafFacts, nowMs = Date.now()): Promise<string> {
  const certificate = await leaf(authority, facts);
  return codeOf(() =>
    verifyPeer(new Uint8Array(certificate.rawData), authority.bundlePem, "shop.test", undefined, nowMs),
  );
}

function codeOf(verify: () => unknown): string {
  try {
    verify();
    return "accepted";
  } catch (error) {
    return (error as { code: string }).code;
  }
}

describe("a peer is accepted", () => {
  it("by the one id its certificate names", async () => {
    const certificate = new X509Certificate(Buffer.from((await leaf(authority)).rawData));
    const peer = verifyPeer(certificate, authority.bundlePem, "shop.test", GOOD_ID);
    expect(peer).toMatchObject({ spiffeId: GOOD_ID, serial: certificate.serialNumber });
    expect(peer).not.toHaveProperty("podUid");
  });

  it("through an intermediate it sends along", async () => {
    const between = await intermediate(authority);
    const certificate = await leaf(authority, { issuer: between });
    const chain = [certificate.toString("pem"), between.certificate.toString("pem")].join("\n");
    expect(verifySvid(chain, authority.bundlePem, "shop.test").spiffeId).toBe(GOOD_ID);
  });
});

describe("a peer is refused", () => {
  const sign = x509.KeyUsageFlags.digitalSignature;
  const unknown = (critical: boolean) => new x509.Extension("1.2.3.4", critical, new Uint8Array([5, 0]));
  const cases: [given: string, facts: LeafFacts, code: string][] = [
    ["not when nothing is wrong", {}, "accepted"],
    ["when it names nobody", { uris: [] }, "SVID_INVALID"],
    ["when it names two", { uris: [GOOD_ID, `${GOOD_ID}2`] }, "SVID_INVALID"],
    ["when its name is a web address", { uris: ["https://shop.test/ns/shop/sa/web"] }, "ID_INVALID"],
    ["when its name is a trust domain", { uris: ["spiffe://shop.test"] }, "ID_INVALID"],
    ["when its path ends in a slash", { uris: [`${GOOD_ID}/`] }, "ID_INVALID"],
    ["when its path climbs", { uris: ["spiffe://shop.test/ns/../sa/web"] }, "ID_INVALID"],
    ["when its path is encoded", { uris: ["spiffe://shop.test/ns/shop/sa/%77eb"] }, "ID_INVALID"],
    [
      "when its trust domain merely ends like ours",
      { uris: ["spiffe://evil-shop.test/ns/shop/sa/web"] },
      "SVID_WRONG_DOMAIN",
    ],
    ["when its trust domain has a port", { uris: ["spiffe://shop.test:1/ns/shop/sa/web"] }, "ID_INVALID"],
    ["when it is an authority", { ca: true }, "SVID_INVALID"],
    ["when its key may sign certificates", { usages: sign | x509.KeyUsageFlags.keyCertSign }, "SVID_INVALID"],
    ["when its key may sign revocations", { usages: sign | x509.KeyUsageFlags.cRLSign }, "SVID_INVALID"],
    ["when its key may not sign at all", { usages: x509.KeyUsageFlags.keyEncipherment }, "SVID_INVALID"],
    ["when it may only serve", { extendedUsages: [SERVER_AUTH] }, "SVID_INVALID"],
    ["when it may only call", { extendedUsages: [CLIENT_AUTH] }, "SVID_INVALID"],
    ["when it holds a critical extension nobody knows", { extra: [unknown(true)] }, "SVID_INVALID"],
    ["not when that extension is not critical", { extra: [unknown(false)] }, "accepted"],
    [
      "when it begins in an hour",
      { notBeforeMs: Date.now() + HOUR_MS, notAfterMs: Date.now() + 2 * HOUR_MS },
      "SVID_EXPIRED",
    ],
    ["when it ended a minute ago", { notAfterMs: Date.now() - 60_000 }, "SVID_EXPIRED"],
  ];
  it.each(cases)("%s", async (_given, facts, code) => expect(await verdict(facts)).toBe(code));

  it("when another root of the same name signed it", async () => {
    expect(await verdict({ issuer: stranger })).toBe("SVID_UNTRUSTED");
  });

  it("when a workload, not an authority, signed it", async () => {
    const workload = await intermediate(authority, { ca: false });
    const certificate = await leaf(authority, { issuer: workload });
    const chain = [certificate, workload.certificate].map((c) => new Uint8Array(c.rawData));
    expect(codeOf(() => verifyPeer(chain, authority.bundlePem, "shop.test"))).toBe("SVID_UNTRUSTED");
  });

  it("when its anchor has ended", async () => {
    expect(await verdict({ notAfterMs: Date.now() + 72 * HOUR_MS }, Date.now() + 48 * HOUR_MS)).toBe("SVID_EXPIRED");
  });

  it("when it is another workload than the one dialled", async () => {
    const certificate = new Uint8Array((await leaf(authority)).rawData);
    const dialled = GOOD_ID.replace("web", "payments");
    expect(codeOf(() => verifyPeer(certificate, authority.bundlePem, "shop.test", dialled))).toBe("SVID_UNEXPECTED");
  });

  it("when the bundle is empty", async () => {
    const certificate = new Uint8Array((await leaf(authority)).rawData);
    expect(codeOf(() => verifyPeer(certificate, "", "shop.test"))).toBe("IDENTITY_FILE");
    expect(codeOf(() => verifyPeer(certificate, [], "shop.test"))).toBe("SVID_UNTRUSTED");
  });
});
