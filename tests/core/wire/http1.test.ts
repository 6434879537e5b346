import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  bytesOf,
  REFUSED_REQUESTS,
  REFUSED_RESPONSES,
  type Reading,
  read,
  TAKEN_REQUESTS,
  TAKEN_RESPONSES,
} from "./http1-cases.ts";

const byteByByte = (bytes: Uint8Array) => Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));

function splitAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((cut, i) => bytes.subarray(cuts[i], cut));
}

/** What must not depend on the split. Of a refused message only the code counts: nothing of it is forwarded. */
function essence({ messages, refused, incomplete }: Reading) {
  return refused === undefined ? { messages, incomplete } : { complete: messages.filter((m) => m.complete), refused };
}

describe("a request is refused", () => {
  it.each(REFUSED_REQUESTS)("with %s", (_, text, code) => {
    const bytes = bytesOf(text);
    expect(read("request", [bytes]).refused).toBe(code);
    expect(read("request", byteByByte(bytes)).refused).toBe(code);
  });
});

describe("a response is refused", () => {
  it.each(REFUSED_RESPONSES)("with %s", (_, text, code) => {
    const bytes = bytesOf(text);
    expect(read("response", [bytes]).refused).toBe(code);
    expect(read("response", byteByByte(bytes)).refused).toBe(code);
  });
});

describe("a request is read", () => {
  it.each(TAKEN_REQUESTS)("%s", (_, text, messages) => {
    expect(read("request", [bytesOf(text)])).toMatchObject({ messages, incomplete: false });
    expect(read("request", byteByByte(bytesOf(text)))).toMatchObject({ messages, incomplete: false });
  });

  it("but waits for the rest of one that is not complete", () => {
    const bytes = bytesOf("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nab");
    for (let length = 1; length <= bytes.length; length++) {
      const { incomplete, refused } = read("request", [bytes.subarray(0, length)]);
      expect({ length, incomplete, refused }).toEqual({ length, incomplete: true, refused: undefined });
    }
  });
});

describe("a response is read", () => {
  it.each(TAKEN_RESPONSES)("%s", (...[, text, messages, methods]) => {
    expect(read("response", [bytesOf(text)], methods)).toMatchObject({ messages });
    expect(read("response", byteByByte(bytesOf(text)), methods)).toMatchObject({ messages });
  });
});

describe("the answer never depends on how bytes were split", () => {
  const places = fc.array(fc.nat(100_000), { maxLength: 12 });
  const streams = [...REFUSED_REQUESTS, ...TAKEN_REQUESTS].map(([, text]) => text);
  const answers = [...REFUSED_RESPONSES, ...TAKEN_RESPONSES].map(([, text]) => text);
  const same = (kind: "request" | "response") => (text: string, cuts: readonly number[]) => {
    const bytes = bytesOf(text);
    const expected = essence(read(kind, [bytes]));
    expect(essence(read(kind, splitAt(bytes, cuts)))).toEqual(expected);
  };

  it("for every case above", () => {
    fc.assert(fc.property(fc.constantFrom(...streams), places, same("request")), { numRuns: 500 });
    fc.assert(fc.property(fc.constantFrom(...answers), places, same("response")), { numRuns: 200 });
  });

  it("for pipelines with a byte changed, removed or doubled", () => {
    const good = TAKEN_REQUESTS.map(([, text]) => text).filter((text) => text.length < 500);
    const edits = fc.array(fc.tuple(fc.constantFrom("change", "remove", "double"), fc.nat(1000), fc.nat(255)), {
      maxLength: 3,
    });
    const pipelines = fc.array(fc.constantFrom(...good), { minLength: 1, maxLength: 3 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(pipelines, edits, places, (text, changes, cuts) => {
        const edited = changes.reduce((now, [how, place, byte]) => {
          const at = place % now.length;
          const middle = how === "remove" ? "" : how === "double" ? `${now[at]}${now[at]}` : String.fromCharCode(byte);
          return now.slice(0, at) + middle + now.slice(at + 1);
        }, text);
        same("request")(edited, cuts);
      }),
      { numRuns: 1500 },
    );
  });
});
