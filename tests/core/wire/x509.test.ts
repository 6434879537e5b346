import { X509Certificate } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodedError } from "../../../core/base/errors.ts";
import { children, readDer, readOid, readTime } from "../../../core/wire/x509/der.ts";
import { der, integer, namedBits, oid, sequence, time } from "../../../core/wire/x509/der-writer.ts";
import { readPem, writePem } from "../../../core/wire/x509/pem.ts";
import {
  altNames,
  LEAF_EXTENSIONS,
  podUidExtension,
  writeSigned,
  writeTbsCertificate,
} from "../../../core/wire/x509/writer.ts";
import { readCertificate } from "../../../core/wire/x509/x509.ts";
import { GOOD_ID, leaf, otherAuthority } from "../identity/certificates.ts";

const invalid = expect.objectContaining({ code: "DER_INVALID" });

describe("DER", () => {
  it("of any nesting and length is read as it was written", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 }), (parts) => {
        const encoded = sequence(...parts.map((part) => der(4, part)));
        expect(children(readDer(encoded)).map((child) => [...child.content])).toEqual(parts.map((part) => [...part]));
      }),
    );
  });

  it("holds object identifiers of any size", () => {
    const arcs = fc.array(fc.bigInt({ min: 0n, max: 2n ** 128n }), { maxLength: 6 });
    fc.assert(
      fc.property(fc.constantFrom(["0", "39"], ["1", "0"], ["2", "999"]), arcs, (head, rest) => {
        const dotted = [...head, ...rest].join(".");
        expect(readOid(readDer(oid(dotted)))).toBe(dotted);
      }),
    );
  });

  it("holds times before 2050 in two digits, later ones in four", () => {
    for (const text of ["1999-12-31T23:59:59Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z"]) {
      expect(readTime(readDer(time(Date.parse(text))))).toBe(Date.parse(text));
    }
    expect([time(Date.parse("2049-12-31T23:59:59Z"))[0], time(Date.parse("2050-01-01T00:00:00Z"))[0]]).toEqual([
      23, 24,
    ]);
  });

  it.each([
    ["the integer 0", integer(Uint8Array.of(0, 0)), [2, 1, 0]],
    ["an integer whose first bit is set", integer(Uint8Array.of(0x80)), [2, 2, 0, 0x80]],
    ["an integer with zeros before it", integer(Uint8Array.of(0, 0, 5)), [2, 1, 5]],
    ["named bits without trailing zeros", namedBits([0]), [3, 2, 7, 0x80]],
    ["named bits of two kinds", namedBits([5, 6]), [3, 2, 1, 6]],
  ])("writes %s in its shortest form", (_what, encoded, bytes) => expect([...encoded]).toEqual(bytes));

  it.each([
    ["nothing", []],
    ["a tag alone", [0x30]],
    ["an indefinite length", [0x30, 0x80, 0, 0]],
    ["a length in more bytes than it needs", [0x04, 0x81, 0x01, 0]],
    ["a length of four bytes", [0x04, 0x84, 0, 0, 0, 1, 0]],
    ["a length beyond the end", [0x04, 5, 0]],
    ["bytes after the value", [0x04, 0, 0]],
    ["a tag of several bytes", [0x1f, 0x81, 0]],
  ])("refuses %s", (_what, bytes) => expect(() => readDer(Uint8Array.from(bytes))).toThrow(invalid));
});

describe("a certificate", () => {
  const written = () => {
    const tbs = writeTbsCertificate({
      serial: Uint8Array.of(1, 2, 3),
      issuerName: "root",
      subjectName: "",
      notBeforeMs: Date.UTC(2030, 0, 1),
      notAfterMs: Date.UTC(2051, 0, 1),
      publicKey: publicKey(),
      authorityKeyId: new Uint8Array(20),
      extensions: [
        ...LEAF_EXTENSIONS,
        altNames({ uris: [GOOD_ID], dns: ["a.svc"], ips: [Uint8Array.of(127, 0, 0, 1)] }, true),
        podUidExtension("uid-ä"),
      ],
    });
    return writeSigned(tbs, Uint8Array.of(0x30, 0));
  };

  it("is read as it was written", () => {
    expect(readCertificate(written())).toEqual({
      notBeforeMs: Date.UTC(2030, 0, 1),
      notAfterMs: Date.UTC(2051, 0, 1),
      altNames: { uris: [GOOD_ID], dns: ["a.svc"], ips: [Uint8Array.of(127, 0, 0, 1)], others: 0 },
      isCa: false,
      keyUsage: new Set([0]),
      extKeyUsage: ["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"],
      podUid: "uid-ä",
      unknownCritical: [],
    });
  });

  it("is read by node:crypto as it was written", () => {
    const certificate = new X509Certificate(written());
    expect(certificate.subjectAltName).toBe(`URI:${GOOD_ID}, DNS:a.svc, IP Address:127.0.0.1`);
    expect(certificate.serialNumber).toBe("010203");
    expect(certificate.validTo).toBe("Jan  1 00:00:00 2051 GMT");
  });

  it("of another library is read too", async () => {
    const facts = readCertificate(new Uint8Array((await leaf(await otherAuthority())).rawData));
    expect(facts).toMatchObject({ altNames: { uris: [GOOD_ID] }, isCa: false, keyUsage: new Set([0]) });
  });

  it("with any part replaced is read or refused with a code, never anything else", () => {
    const good = written();
    fc.assert(
      fc.property(fc.nat(good.length), fc.nat(30), fc.uint8Array({ maxLength: 30 }), (at, gone, put) => {
        try {
          readCertificate(Uint8Array.of(...good.subarray(0, at), ...put, ...good.subarray(at + gone)));
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("with a NUL in its name is refused: another reader might take it for the end", () => {
    const text = new TextDecoder("latin1").decode(written()).replace("/ns/shop", "/ns/\0hop");
    expect(() => readCertificate(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toThrow();
  });
});

describe("PEM", () => {
  it("is read as it was written, other blocks and text between them skipped", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), (bytes) => {
        const text = `note\n${writePem(Uint8Array.of(1), "OTHER")}${writePem(bytes, "CERTIFICATE")}`;
        expect(readPem(text, "CERTIFICATE").map((block) => [...block])).toEqual([[...bytes]]);
      }),
    );
  });

  it("that is not base64 is refused", () => {
    const text = "-----BEGIN A-----\nA===\n-----END A-----";
    expect(() => readPem(text, "A")).toThrow(expect.objectContaining({ code: "PEM_INVALID" }));
  });
});

function publicKey(): Uint8Array {
  const point = Uint8Array.from(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5".match(
      /../g,
    ) ?? [],
    (hex) => Number.parseInt(hex, 16),
  );
  return sequence(sequence(oid("1.2.840.10045.2.1"), oid("1.2.840.10045.3.1.7")), der(3, Uint8Array.of(0), point));
}
