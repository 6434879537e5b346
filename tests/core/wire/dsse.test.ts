import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DSSE_SIGNATURES_LIMIT, preAuthEncoding, readEnvelope, writeEnvelope } from "../../../core/wire/dsse.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (value: string) => new TextEncoder().encode(value);

describe("what is signed", () => {
  it("is the specification's own example", () => {
    const encoded = preAuthEncoding("http://example.com/HelloWorld", bytes("hello world"));
    expect(text(encoded)).toBe("DSSEv1 29 http://example.com/HelloWorld 11 hello world");
  });

  it("counts bytes, not characters", () => {
    expect(text(preAuthEncoding("é", bytes("ü")))).toBe("DSSEv1 2 é 2 ü");
  });

  it("differs whenever type or payload differ: no two pairs share an encoding", () => {
    const pair = fc.tuple(fc.string(), fc.string());
    fc.assert(
      fc.property(pair, pair, ([typeA, a], [typeB, b]) => {
        const same = text(preAuthEncoding(typeA, bytes(a))) === text(preAuthEncoding(typeB, bytes(b)));
        expect(same).toBe(typeA === typeB && a === b);
      }),
    );
  });
});

describe("an envelope", () => {
  it("reads back what was written", () => {
    const envelope = fc.record({
      payloadType: fc.string({ maxLength: 40 }),
      payload: fc.uint8Array(),
      signatures: fc.array(fc.uint8Array(), { minLength: 1, maxLength: 3 }),
    });
    fc.assert(fc.property(envelope, (value) => expect(readEnvelope(writeEnvelope(value))).toEqual(value)));
  });

  it("takes the URL-safe alphabet too", () => {
    const { payload } = readEnvelope({ payloadType: "t", payload: "-_8=", signatures: [{ sig: "AAAA" }] });
    expect([...payload]).toEqual([0xfb, 0xff]);
  });

  const GOOD = { payloadType: "t", payload: "AAAA", signatures: [{ sig: "AAAA" }] };
  it.each([
    ["nothing", null],
    ["a list", []],
    ["no payload", { ...GOOD, payload: undefined }],
    ["a payload that is no base64", { ...GOOD, payload: "A A" }],
    ["a payload cut short", { ...GOOD, payload: "A" }],
    ["no payload type", { ...GOOD, payloadType: 1 }],
    ["a payload type without an end", { ...GOOD, payloadType: "t".repeat(10_000) }],
    ["no signatures", { ...GOOD, signatures: [] }],
    ["signatures that are no list", { ...GOOD, signatures: "AAAA" }],
    ["a signature without bytes", { ...GOOD, signatures: [null] }],
    [
      "too many signatures",
      { ...GOOD, signatures: Array.from({ length: DSSE_SIGNATURES_LIMIT + 1 }, () => ({ sig: "AAAA" })) },
    ],
  ])("with %s is malformed", (_what, json) => {
    expect(() => readEnvelope(json)).toThrow(expect.objectContaining({ code: "EVIDENCE_MALFORMED" }));
  });
});
