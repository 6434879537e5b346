import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { CodedError } from "../../../core/base/errors.ts";
import { readSignedRequest } from "../../../core/identity/authority.ts";
import { writeRequest } from "../../../core/identity/ca-source.ts";
import { writePem } from "../../../core/wire/x509/pem.ts";
import { readCertificateRequest } from "../../../core/wire/x509/request.ts";
import { GOOD_ID, otherRequest, x509 } from "./certificates.ts";

const pem = (encoded: Uint8Array) => writePem(encoded, "CERTIFICATE REQUEST");

describe("a certificate request of ours, read by another library", () => {
  it("is signed by its key and asks for one id", async () => {
    const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const request = new x509.Pkcs10CertificateRequest(writeRequest(publicKey, privateKey, GOOD_ID));
    expect(await request.verify()).toBe(true);
    const names = request.extensions.find((e) => e instanceof x509.SubjectAlternativeNameExtension);
    expect(names?.names.toJSON()).toEqual([{ type: "url", value: GOOD_ID }]);
  });
});

describe("a certificate request of another library", () => {
  it("is read: its key, and the names it asks for", async () => {
    const request = readSignedRequest(pem(await otherRequest([GOOD_ID])));
    expect(request.altNames).toEqual({ uris: [GOOD_ID], dns: [], ips: [], others: 0 });
    expect(request.publicKey).toHaveLength(91);
  });

  it("is read without names too", async () => {
    expect(readSignedRequest(pem(await otherRequest([]))).altNames.uris).toEqual([]);
  });
});

describe("a certificate request is refused", () => {
  let good: Uint8Array;
  beforeAll(async () => {
    good = await otherRequest([GOOD_ID]);
  });
  const refusal = expect.objectContaining({ code: "CSR_INVALID" });

  it("when it is not PEM, not a request, or two of them", () => {
    for (const text of ["", "hello", writePem(good, "CERTIFICATE"), pem(good) + pem(good)]) {
      expect(() => readSignedRequest(text)).toThrow(refusal);
    }
  });

  it("when its key is of another curve or its hash another", async () => {
    const p384 = await otherRequest([GOOD_ID], "P-384");
    const sha384 = await otherRequest([GOOD_ID], "P-256", "SHA-384");
    for (const request of [p384, sha384]) expect(() => readSignedRequest(pem(request))).toThrow(refusal);
  });

  it("when any one byte of it was changed", () => {
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const changed = Uint8Array.from(good, (byte, index) => (index === at ? byte ^ flip : byte));
        expect(() => readSignedRequest(pem(changed))).toThrow(refusal);
      }),
      { numRuns: 300 },
    );
  });

  it("when it was cut short or has more behind it", () => {
    for (let length = 0; length < good.length; length++) {
      expect(() => readCertificateRequest(good.subarray(0, length))).toThrow(CodedError);
    }
    expect(() => readCertificateRequest(Uint8Array.of(...good, 0))).toThrow(CodedError);
  });

  it("with a code, whatever the bytes are", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      spliced(() => good),
    );
    fc.assert(
      fc.property(bytes, (encoded) => {
        try {
          readCertificateRequest(encoded);
        } catch (error) {
          expect(error).toBeInstanceOf(CodedError);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it("when someone else's key signed it", () => {
    const mine = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const theirs = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const otherKey = createPrivateKey(theirs.privateKey.export({ type: "pkcs8", format: "pem" }));
    expect(() => readSignedRequest(writeRequest(mine.publicKey, otherKey, GOOD_ID))).toThrow(refusal);
  });
});

/** A good request with a stretch of it replaced: gets deeper into the reader than noise does. */
function spliced(good: () => Uint8Array): fc.Arbitrary<Uint8Array> {
  return fc.tuple(fc.nat(300), fc.nat(40), fc.uint8Array({ maxLength: 40 })).map(([at, gone, put]) => {
    const bytes = good();
    return Uint8Array.of(...bytes.subarray(0, at), ...put, ...bytes.subarray(at + gone));
  });
}
