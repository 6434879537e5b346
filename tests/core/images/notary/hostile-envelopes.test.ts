import { describe, expect, it } from "@jest/globals";
import { encode, Tag } from "cbor2";
import fc from "fast-check";
import { SIGNATURE_LIMIT_BYTES } from "../../../../core/images/limits.ts";
import { CBOR_DEPTH_LIMIT, CHAIN_LIMIT, CRITICAL_LIMIT } from "../../../../core/images/notary/limits.ts";
import { issue } from "../../../support/notary/certificates.ts";
import {
  type CoseEnvelope,
  payloadOf,
  signCose,
  signJws,
  signLabels,
  writeCose,
  writeJws,
} from "../../../support/notary/envelopes.ts";
import { DIGEST, FORMS, trusting, verdict } from "../../../support/notary/verdict.ts";

const root = issue("authority");
const leaf = issue("leaf", {}, root);
const chain = [leaf, root] as const;
const store = trusting(root);

const jws = (bytes: Uint8Array | string) =>
  verdict("application/jose+json", typeof bytes === "string" ? new TextEncoder().encode(bytes) : bytes, store);
const cose = (bytes: Uint8Array) => verdict("application/cose", bytes, store);
const hex = (text: string) => new Uint8Array(Buffer.from(text.replaceAll(" ", ""), "hex"));
const without = (labels: Map<unknown, unknown>, label: number) => new Map([...labels].filter(([key]) => key !== label));
const refusedFor = (why: RegExp) => ({ kind: "refused", why: expect.stringMatching(why) });

describe.each(FORMS)("a $form envelope", ({ mediaType, write }) => {
  const good = write(chain);

  it("with any byte changed is refused, or says the very same", () => {
    const same = JSON.stringify(verdict(mediaType, good, store));
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, by) => {
        const found = verdict(mediaType, good.with(at, (good[at] ?? 0) ^ by), store);
        expect(found?.kind === "refused" || JSON.stringify(found) === same).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it("cut short anywhere, or with more behind it, is refused", () => {
    for (let length = 0; length < good.length; length += 37)
      expect(verdict(mediaType, good.subarray(0, length), store)).toMatchObject({ kind: "refused" });
    expect(verdict(mediaType, Uint8Array.of(...good, 0), store)).toMatchObject({ kind: "refused" });
  });

  it("of any bytes at all is refused with a reason", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        expect(verdict(mediaType, bytes, store)).toEqual({
          kind: "refused",
          why: expect.stringMatching(/^a Notary signature: ./),
        });
      }),
      { numRuns: 200 },
    );
  });

  it(`of more than ${SIGNATURE_LIMIT_BYTES} bytes is not opened`, () => {
    expect(verdict(mediaType, new Uint8Array(SIGNATURE_LIMIT_BYTES + 1), store)).toEqual(
      refusedFor(/an envelope of 65537 bytes/),
    );
  });

  it("read as the other form is refused", () => {
    const other = mediaType === "application/cose" ? "application/jose+json" : "application/cose";
    expect(verdict(other, good, store)).toMatchObject({ kind: "refused" });
  });

  it(`of no certificates, or more than ${CHAIN_LIMIT}, is refused`, () => {
    expect(verdict(mediaType, write(chain, { chain: [] }), store)).toEqual(refusedFor(/x5c/));
    const many = Array.from({ length: CHAIN_LIMIT + 1 }, () => root.der);
    expect(verdict(mediaType, write(chain, { chain: many }), store)).toEqual(refusedFor(/x5c|11 certificates/));
  });

  it(`with more than ${CRITICAL_LIMIT} critical attributes is refused`, () => {
    const critical = Array.from({ length: CRITICAL_LIMIT + 1 }, (_, index) => `com.example.${index}`);
    expect(verdict(mediaType, write(chain, { critical }), store)).toEqual(refusedFor(/crit/));
  });

  it("with an attribute both signed and unsigned is refused", () => {
    const twice = write(chain, { unsigned: { "io.cncf.notary.signingScheme": "notary.x509" } });
    expect(verdict(mediaType, twice, store)).toEqual(refusedFor(/both signed and unsigned/));
  });
});

describe("a JWS envelope", () => {
  const envelope = signJws(chain, DIGEST);
  const with_ = (more: object) => jws(writeJws({ ...envelope, ...more }));
  const text = JSON.stringify(envelope);

  const members: [given: string, more: object][] = [
    ["no payload", { payload: undefined }],
    ["no protected header", { protected: undefined }],
    ["no header", { header: undefined }],
    ["no signature", { signature: undefined }],
    ["an empty signature", { signature: "" }],
    ["a payload that is a number", { payload: 1 }],
    ["a list of signatures", { signatures: [] }],
    ["padding", { signature: `${envelope.signature}=` }],
    ["a line break in its payload", { payload: `${envelope.payload}\n` }],
    ["certificates in one text", { header: { ...envelope.header, x5c: "AAAA" } }],
    ["certificates that are no base64", { header: { ...envelope.header, x5c: ["*"] } }],
    ["a timestamp that is no base64", { header: { ...envelope.header, "io.cncf.notary.timestampSignature": "*" } }],
    ["another protected header", { protected: signJws(chain, DIGEST, { more: { a: 1 } }).protected }],
    ["another payload", { payload: Buffer.from(payloadOf(`sha256:${"cd".repeat(32)}`)).toString("base64url") }],
    [
      "another's certificate",
      {
        header: {
          ...envelope.header,
          x5c: [issue("leaf", {}, root), root].map(({ der }) => Buffer.from(der).toString("base64")),
        },
      },
    ],
  ];
  it.each(members)("with %s is refused", (_, more) => {
    expect(with_(more)).toMatchObject({ kind: "refused" });
  });

  it("with loose bits behind its signature is refused, though the bytes are the same", () => {
    const last = envelope.signature.at(-1) ?? "";
    const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const loose = `${envelope.signature.slice(0, -1)}${alphabet[alphabet.indexOf(last) + 1]}`;
    expect(Buffer.from(loose, "base64url")).toEqual(Buffer.from(envelope.signature, "base64url"));
    expect(with_({ signature: loose })).toEqual(refusedFor(/loose bits/));
  });

  const readings: [given: string, text: string, why: RegExp][] = [
    ["a member twice", text.replace("{", `{"payload":"e30",`), /the name "payload" twice/],
    ["a member twice, once escaped", text.replace("{", `{"p\\u0061yload":"e30",`), /twice in one object/],
    ["a mark in front", `\uFEFF${text}`, /no plain JSON/],
    ["a comment", `/**/${text}`, /no plain JSON/],
    ["a list around it", `[${text}]`, /the envelope/],
    ["depth", `{"payload":${"[".repeat(64)}${"]".repeat(64)}}`, /nested deeper/],
  ];
  it.each(readings)("with %s is refused", (_, hostile, why) => {
    expect(jws(hostile)).toEqual(refusedFor(why));
  });

  it.each([
    ["a header that is no object", "[]", /the protected header/],
    ["a header with a name twice", `{"alg":"ES256","alg":"ES256"}`, /"alg" twice/],
    ["a header that is no JSON", "alg=none", /no plain JSON/],
    ["critical attributes that are no list", `{"alg":"ES256","cty":"x","crit":"io.cncf.notary.signingScheme"}`, /crit/],
  ])("with %s is refused", (_, header, why) => {
    expect(with_({ protected: Buffer.from(header).toString("base64url") })).toEqual(refusedFor(why));
  });

  it.each(["tomorrow", "2026-02-30T00:00:00Z", "2026-01-01", true])("with the time %s is refused", (time) => {
    const signed = signJws(chain, DIGEST, { signingTimeMs: "none", more: { "io.cncf.notary.signingTime": time } });
    expect(jws(writeJws(signed))).toEqual(refusedFor(/signingTime/));
  });
});

describe("a COSE envelope", () => {
  const envelope = signCose(chain, DIGEST);
  const with_ = (more: Partial<CoseEnvelope>) => cose(writeCose({ ...envelope, ...more }));
  const parts = () => [envelope.protected, envelope.unprotected, envelope.payload, envelope.signature];

  it.each<[string, () => Uint8Array]>([
    ["no tag", () => encode(parts())],
    ["the tag of a MAC", () => writeCose(envelope, 17)],
    ["its tag twice", () => encode(new Tag(18, new Tag(18, parts())))],
    ["three parts", () => encode(new Tag(18, parts().slice(0, 3)))],
    ["five parts", () => encode(new Tag(18, [...parts(), 0]))],
    ["a map instead of parts", () => encode(new Tag(18, new Map()))],
  ])("with %s is refused", (_, write) => {
    expect(cose(write())).toEqual(refusedFor(/CBOR of another shape/));
  });

  it.each<[string, Partial<CoseEnvelope>, RegExp]>([
    ["a payload elsewhere", { payload: null as never }, /the payload is no byte string/],
    ["an empty signature", { signature: new Uint8Array() }, /the signature is no byte string or empty/],
    ["an empty protected header", { protected: new Uint8Array() }, /the protected header is no byte string or empty/],
    ["a protected header that is no map", { protected: encode([1]) }, /the protected header is no map/],
    ["bytes behind its protected header", { protected: Uint8Array.of(...envelope.protected, 0) }, /no plain CBOR/],
    ["an unprotected header that is no map", { unprotected: [] as never }, /the unprotected header is no map/],
    ["certificates in one string", { unprotected: new Map([[33, leaf.der]]) }, /no x5chain/],
    ["a certificate that is text", { unprotected: new Map([[33, ["AAAA"]]]) }, /a certificate is no byte string/],
    [
      "a label that is a list",
      { unprotected: new Map<unknown, unknown>([...envelope.unprotected, [[1], 1]]) },
      /an odd label/,
    ],
    [
      "a label that is bytes",
      { unprotected: new Map<unknown, unknown>([...envelope.unprotected, [Uint8Array.of(1), 1]]) },
      /an odd label/,
    ],
    [
      "another protected header",
      { protected: signCose(chain, DIGEST, { more: { a: 1 } }).protected },
      /key did not make/,
    ],
  ])("with %s is refused", (_, more, why) => {
    expect(with_(more)).toEqual(refusedFor(why));
  });

  it.each([
    ["an indefinite array", "d2 9f 41a0 a0 4101 4101 ff"],
    ["an indefinite string", "d2 84 5f 41a0 ff a0 4101 4101"],
    ["a length in more bytes than it needs", "d2 84 5801a0 a0 4101 4101"],
    ["a tag in more bytes than it needs", "d812 84 41a0 a0 4101 4101"],
    ["a key twice", "d2 84 41a0 a2 0101 0101 4101 4101"],
    ["text that is no UTF-8", "d2 84 41a0 a1 62c328 01 4101 4101"],
    ["an array of more than there is", "d2 9affffffff"],
    ["a string of more than there is", "d2 5affffffff"],
    ["a map of more than there is", "d2 baffffffff"],
    ["a reserved length", "d2 9c"],
    ["a break alone", "ff"],
  ])("with %s is refused at once", (_, bytes) => {
    expect(cose(hex(bytes))).toEqual(refusedFor(/no plain CBOR/));
  });

  it(`nested deeper than ${CBOR_DEPTH_LIMIT} is refused`, () => {
    expect(cose(hex("81".repeat(10_000)))).toEqual(refusedFor(new RegExp(`depth ${CBOR_DEPTH_LIMIT}`)));
  });

  const signedLabels = (change: (labels: Map<unknown, unknown>) => Map<unknown, unknown> | Uint8Array) => {
    const labels = new Map<unknown, unknown>([
      [1, -7],
      [2, ["io.cncf.notary.signingScheme"]],
      [3, "application/vnd.cncf.notary.payload.v1+json"],
      ["io.cncf.notary.signingScheme", "notary.x509"],
      ["io.cncf.notary.signingTime", new Tag(1, 1_767_225_600)],
    ]);
    const changed = change(labels);
    const bytes = changed instanceof Uint8Array ? changed : encode(changed);
    return cose(writeCose(signLabels(chain, bytes, new TextEncoder().encode(payloadOf(DIGEST)))));
  };

  it("signed as it is with labels of the test's own counts", () => {
    expect(signedLabels((labels) => labels)).toMatchObject({ kind: "signature" });
    expect(
      signedLabels((labels) => labels.set("io.cncf.notary.signingTime", new Tag(1, 1_767_225_600.5))),
    ).toMatchObject({ kind: "signature" });
  });

  it.each<[string, (labels: Map<unknown, unknown>) => Map<unknown, unknown> | Uint8Array, RegExp]>([
    ["an untagged time", (labels) => labels.set("io.cncf.notary.signingTime", 1_767_225_600), /no epoch-based date/],
    [
      "a time as text",
      (labels) => labels.set("io.cncf.notary.signingTime", new Tag(0, "2026-01-01T00:00:00Z")),
      /no epoch-based date/,
    ],
    [
      "a time beyond any calendar",
      (labels) => labels.set("io.cncf.notary.expiry", new Tag(1, 9_000_000_000_000)),
      /no epoch-based date/,
    ],
    [
      "a time that is infinite",
      (labels) => labels.set("io.cncf.notary.expiry", new Tag(1, Number.POSITIVE_INFINITY)),
      /no epoch-based date/,
    ],
    ["no critical attributes", (labels) => without(labels, 2), /no critical attributes/],
    [
      "critical attributes that are no list",
      (labels) => labels.set(2, "io.cncf.notary.signingScheme"),
      /no critical attributes/,
    ],
    [
      "a critical integer label",
      (labels) => labels.set(2, ["io.cncf.notary.signingScheme", 1]),
      /a critical attribute "1"/,
    ],
    ["a content type that is a number", (labels) => labels.set(3, 50), /a content type of "50"/],
    [
      "a hash of its content instead of it",
      (labels) => without(labels, 3).set(258, -16),
      /a content type of "undefined"/,
    ],
    ["no algorithm", (labels) => without(labels, 1), /the algorithm "undefined"/],
    [
      "its chain signed instead of beside",
      (labels) => labels.set(33, [leaf.der, root.der]),
      /both signed and unsigned/,
    ],
    ["a label twice", (labels) => Uint8Array.of(0xa6, ...encode(labels).subarray(1), 0x01, 0x26), /Duplicate key/],
  ])("signed with %s is refused", (_, change, why) => {
    expect(signedLabels(change)).toEqual(refusedFor(why));
  });
});
