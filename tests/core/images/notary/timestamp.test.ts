import { createHash } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import { DAY_MS, HOUR_MS, SECOND_MS } from "../../../../core/base/clock.ts";
import { CHAIN_LIMIT } from "../../../../core/images/notary/limits.ts";
import { EKU, type Issued, issue } from "../../../support/notary/certificates.ts";
import { type TimestampWish, timestampOver } from "../../../support/notary/timestamps.ts";
import { FORMS, trusting, verdict } from "../../../support/notary/verdict.ts";

const NOW = Math.floor(Date.now() / SECOND_MS) * SECOND_MS;
const LONG_AGO = NOW - 400 * DAY_MS;
const THEN = NOW - 300 * DAY_MS;

const root = issue("authority", { notBeforeMs: LONG_AGO });
/** Valid for an hour, long ago: nothing but a timestamp keeps its signatures. */
const leaf = issue("leaf", { notBeforeMs: THEN, notAfterMs: THEN + HOUR_MS }, root);
const clock = issue("authority", { notBeforeMs: LONG_AGO });
const tick = issue("timestamps", { notBeforeMs: LONG_AGO }, clock);
const AT = THEN + HOUR_MS / 2;

describe.each(FORMS)("a timestamp on a $form signature", ({ mediaType, write }) => {
  const judge = (wish: Partial<TimestampWish> = {}, by: Issued = tick, store = {}) =>
    verdict(
      mediaType,
      write([leaf, root], { timestamp: (signature) => timestampOver(signature, by, { atMs: AT, ...wish }) }),
      trusting(root, { timestampAuthorities: clock.pem, ...store }),
    );

  it("keeps it good after its certificate has expired, and says when it was made", () => {
    expect(judge()).toMatchObject({ kind: "signature", value: { signedAtMs: AT } });
    expect(judge()).not.toHaveProperty("value.validUntilMs");
  });

  it("makes it no younger than its signer says it is", () => {
    const anew = (signature: Uint8Array) => timestampOver(signature, tick, { atMs: AT });
    const bytes = write([leaf, root], { signingTimeMs: THEN, timestamp: anew });
    const store = trusting(root, { timestampAuthorities: clock.pem });
    expect(verdict(mediaType, bytes, store)).toMatchObject({ kind: "signature", value: { signedAtMs: THEN } });
  });

  it("does nothing where the store has no timestamp authorities", () => {
    const bytes = write([leaf, root], { timestamp: (signature) => timestampOver(signature, tick, { atMs: AT }) });
    expect(verdict(mediaType, bytes, trusting(root))).toMatchObject({
      why: expect.stringContaining("that expired at"),
    });
  });

  it("is asked for always, or only once the certificate has expired", () => {
    const fresh = issue("leaf", {}, root);
    const store = (verifyTimestamp: "always" | "afterCertExpiry") =>
      trusting(root, { timestampAuthorities: clock.pem, verifyTimestamp });
    expect(verdict(mediaType, write([fresh, root]), store("always"))).toMatchObject({
      why: expect.stringContaining("without a timestamp"),
    });
    expect(verdict(mediaType, write([fresh, root]), store("afterCertExpiry"))).toMatchObject({ kind: "signature" });
    expect(verdict(mediaType, write([leaf, root]), store("afterCertExpiry"))).toMatchObject({
      why: expect.stringContaining("that expired at"),
    });
    const broken = { timestamp: () => Uint8Array.of(0x30, 0) };
    expect(verdict(mediaType, write([fresh, root], broken), store("afterCertExpiry"))).toMatchObject({
      kind: "signature",
    });
    expect(judge({}, tick, { verifyTimestamp: "afterCertExpiry" })).toMatchObject({ value: { signedAtMs: AT } });
  });

  it.each<[string, Partial<TimestampWish>, Partial<{ signedAtMs: number }>]>([
    ["parts of a second", { fraction: ".25" }, { signedAtMs: AT + 250 }],
    ["an accuracy", { accuracy: { seconds: 60, millis: 500, micros: 1 } }, { signedAtMs: AT }],
    ["SHA-512", { imprintHash: "sha512" }, { signedAtMs: AT }],
    ["the signer's own time, within its validity", { signingTimeMs: AT }, { signedAtMs: AT }],
    ["its whole chain", { certificates: [tick, clock] }, { signedAtMs: AT }],
  ])("may have %s", (_, wish, value) => {
    expect(judge(wish)).toMatchObject({ kind: "signature", value });
  });

  const end = THEN + HOUR_MS;
  const cases: [given: string, wish: Partial<TimestampWish>, why: RegExp][] = [
    ["after the certificate expired", { atMs: end + SECOND_MS }, /that expired at/],
    ["before the certificate was valid", { atMs: THEN - SECOND_MS }, /was not valid before/],
    ["so near the end that it may be after it", { atMs: end, accuracy: { seconds: 1 } }, /that expired at/],
    ["so near the end, by its policy's accuracy", { atMs: end, policy: "0.4.0.2023.1.1" }, /that expired at/],
    ["with SHA-1", { imprintHash: "sha1" }, /hash function 1.3.14.3.2.26/],
    ["of another version", { version: 2 }, /of another version/],
    ["about something else", { contentType: "1.2.840.113549.1.7.1" }, /about something else/],
    ["with an odd time", { fraction: ".50" }, /an odd time/],
    ["whose content was changed", { messageDigest: new Uint8Array(32) }, /content was changed/],
    ["whose signature was changed", { breakSignature: true }, /signature is not its signer's/],
    ["without the digest of its content", { leaveOut: "messageDigest" }, /without the signed attribute/],
    ["without its signer's certificate bound", { leaveOut: "signingCertificateV2" }, /without the signed attribute/],
    ["without its content type", { leaveOut: "contentType" }, /without the signed attribute/],
    ["that binds another certificate", { bound: clock }, /binds another certificate/],
    ["without certificates", { certificates: [] }, /without certificates/],
    ["without its signer's certificate", { certificates: [clock] }, /without its signer's certificate/],
    ["of two signers", { signers: 2 }, /a token of 2 signers/],
    ["of no signer", { signers: 0 }, /a token of 0 signers/],
    [
      "made, says its signer, before it was valid",
      { signingTimeMs: LONG_AGO - DAY_MS },
      /a time at which it was valid/,
    ],
  ];
  it.each(cases)("is refused %s", (_, wish, why) => {
    expect(judge(wish)).toEqual({ kind: "refused", why: expect.stringMatching(why) });
  });

  it("counts to the very end", () => {
    expect(judge({ atMs: end })).toMatchObject({ kind: "signature" });
    expect(judge({ atMs: end, policy: "0.4.0.2023.1.1", accuracy: { millis: 0, seconds: 0 } })).toMatchObject({
      kind: "refused",
    });
  });

  it("is refused over another signature", () => {
    const bytes = write([leaf, root], { timestamp: () => timestampOver(Buffer.from("other"), tick, { atMs: AT }) });
    const store = trusting(root, { timestampAuthorities: clock.pem });
    expect(verdict(mediaType, bytes, store)).toMatchObject({ why: expect.stringContaining("over another signature") });
  });

  it("is refused by authorities that the store does not have, or that may not", () => {
    const stranger = issue("timestamps", { notBeforeMs: LONG_AGO }, issue("authority", { notBeforeMs: LONG_AGO }));
    const by = (wish: Parameters<typeof issue>[1], issuer = clock) =>
      judge({}, issue("timestamps", { notBeforeMs: LONG_AGO, ...wish }, issuer));
    expect(judge({}, stranger)).toMatchObject({ why: expect.stringContaining("trusted timestamp authority issued") });
    expect(by({ extKeyUsage: "none" })).toMatchObject({ why: expect.stringContaining("not for timestamps alone") });
    expect(by({ extKeyUsage: { purposes: [EKU.timeStamping] } })).toMatchObject({
      why: expect.stringContaining("not for timestamps alone"),
    });
    expect(by({ extKeyUsage: { purposes: [EKU.timeStamping, EKU.codeSigning], critical: true } })).toMatchObject({
      kind: "refused",
    });
    expect(by({ keyUsage: { bits: [0, 2] } })).toMatchObject({ why: expect.stringContaining("keyEncipherment") });
    expect(by({ notBeforeMs: AT + DAY_MS })).toMatchObject({
      why: expect.stringContaining("a time at which it was valid"),
    });
    expect(by({ notAfterMs: AT - DAY_MS })).toMatchObject({
      why: expect.stringContaining("a time at which it was valid"),
    });
  });

  it("is refused when its chain is narrowed to other uses, or too long", () => {
    const narrow = issue("authority", { notBeforeMs: LONG_AGO, extKeyUsage: { purposes: [EKU.codeSigning] } }, clock);
    const one = issue("timestamps", { notBeforeMs: LONG_AGO }, narrow);
    expect(judge({ certificates: [one, narrow] }, one)).toMatchObject({
      why: expect.stringContaining("may not issue for timestamps"),
    });
    const many = Array.from({ length: CHAIN_LIMIT + 1 }, () => tick);
    expect(judge({ certificates: many })).toMatchObject({ why: expect.stringContaining(`${CHAIN_LIMIT} at most`) });
  });

  it("is refused when the store has taken its authority back", () => {
    const revoked = [createHash("sha256").update(tick.der).digest("hex")];
    expect(judge({}, tick, { revoked })).toMatchObject({ why: expect.stringContaining("taken back") });
  });

  it("is refused when it is no token", () => {
    const bytes = write([leaf, root], { timestamp: () => new TextEncoder().encode("not DER") });
    const store = trusting(root, { timestampAuthorities: clock.pem });
    expect(verdict(mediaType, bytes, store)).toMatchObject({
      why: expect.stringContaining("a timestamp that cannot be read"),
    });
  });
});
