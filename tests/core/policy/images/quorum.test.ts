import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { DAY_MS } from "../../../../core/base/clock.ts";
import type { Digest } from "../../../../core/policy/evidence.ts";
import { CLOCK_SKEW_MS, type Claim, type Quorum, tally } from "../../../../core/policy/images/quorum.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const claim = (signer: string, more: Partial<Claim> = {}): Claim => ({ signer, digest: DIGEST, ...more });
const of = (...names: string[]) => names.map((name) => ({ name }));
const met = (claims: readonly Claim[], quorum: Quorum) => tally(claims, quorum, NOW).met;

describe("a quorum is met", () => {
  it.each<[string, readonly Claim[], Quorum]>([
    ["any: by one of two", [claim("b")], { of: of("a", "b"), require: "any" }],
    ["all: by each", [claim("a"), claim("b")], { of: of("a", "b"), require: "all" }],
    ["two of three: by two", [claim("a"), claim("c")], { of: of("a", "b", "c"), require: { atLeast: 2 } }],
    [
      "on the last millisecond of its age",
      [claim("a", { signedAtMs: NOW - DAY_MS })],
      { of: of("a"), require: "any", maxAgeMs: DAY_MS },
    ],
    [
      "by a clock that is a little ahead",
      [claim("a", { signedAtMs: NOW + CLOCK_SKEW_MS })],
      { of: of("a"), require: "any" },
    ],
    [
      "when two identities can be dealt out to two authorities in one way only",
      [claim("a", { identity: "ann" }), claim("a", { identity: "bob" }), claim("b", { identity: "ann" })],
      { of: of("a", "b"), require: "all" },
    ],
  ])("%s", (_, claims, quorum) => expect(met(claims, quorum)).toBe(true));
});

describe("a quorum is not met", () => {
  it.each<[string, readonly Claim[], Quorum]>([
    ["by nobody", [], { of: of("a"), require: "any" }],
    ["by a stranger", [claim("x")], { of: of("a"), require: "any" }],
    ["by one authority twice", [claim("a"), claim("a")], { of: of("a", "b"), require: { atLeast: 2 } }],
    [
      "by one person through two authorities",
      [claim("a", { identity: "ann" }), claim("b", { identity: "ann" })],
      { of: of("a", "b"), require: "all" },
    ],
    ["of nobody at all", [claim("a")], { of: [], require: "all" }],
    [
      "a millisecond too late",
      [claim("a", { signedAtMs: NOW - DAY_MS - 1 })],
      { of: of("a"), require: "any", maxAgeMs: DAY_MS },
    ],
    [
      "at a time nobody vouches for, where an age is asked for",
      [claim("a")],
      { of: of("a"), require: "any", maxAgeMs: DAY_MS },
    ],
    ["from the future", [claim("a", { signedAtMs: NOW + CLOCK_SKEW_MS + 1 })], { of: of("a"), require: "any" }],
    ["by a claim that has ended", [claim("a", { validUntilMs: NOW })], { of: of("a"), require: "any" }],
  ])("%s", (_, claims, quorum) => expect(met(claims, quorum)).toBe(false));
});

const NAMES = ["a", "b", "c", "d"];
const claims = fc.array(
  fc.record(
    {
      signer: fc.constantFrom(...NAMES, "stranger"),
      identity: fc.constantFrom("ann", "bob", "cem"),
      digest: fc.constant(DIGEST),
      signedAtMs: fc.integer({ min: NOW - 3 * DAY_MS, max: NOW + DAY_MS }),
    },
    { requiredKeys: ["signer", "digest"] },
  ) as fc.Arbitrary<Claim>,
  { maxLength: 8 },
);
const quorums = fc.record({
  of: fc.subarray(NAMES, { minLength: 1 }).map((names) => of(...names)),
  require: fc.oneof(
    fc.constantFrom("any" as const, "all" as const),
    fc.integer({ min: 1, max: 4 }).map((atLeast) => ({ atLeast })),
  ),
  maxAgeMs: fc.option(fc.constantFrom(DAY_MS, 2 * DAY_MS), { nil: undefined }),
});

/** By trying: may each of so many authorities be given a claim in time, no two the same person's? */
function mostByTrying(given: readonly Claim[], { of: authorities, maxAgeMs }: Quorum): number {
  const inTime = given.filter(({ signedAtMs }) => {
    if (signedAtMs === undefined) return maxAgeMs === undefined;
    return signedAtMs - NOW <= CLOCK_SKEW_MS && (maxAgeMs === undefined || NOW - signedAtMs <= maxAgeMs);
  });
  const most = (left: readonly string[], taken: readonly string[]): number => {
    const [name, ...rest] = left;
    if (name === undefined) return taken.length;
    const people = inTime.filter(({ signer }) => signer === name).map(({ identity }) => identity ?? `key of ${name}`);
    return Math.max(
      most(rest, taken),
      ...people.filter((who) => !taken.includes(who)).map((who) => most(rest, [...taken, who])),
    );
  };
  return most(
    authorities.map(({ name }) => name),
    [],
  );
}

describe("for any claims and any quorum", () => {
  it("counts as many authorities as trying every way would", () => {
    fc.assert(
      fc.property(claims, quorums, (given, quorum) => {
        const { counted, met: isMet } = tally(given, quorum, NOW);
        const most = mostByTrying(given, quorum);
        const wanted =
          { any: 1, all: quorum.of.length }[quorum.require as string] ??
          (quorum.require as { atLeast: number }).atLeast;
        expect(counted).toHaveLength(most);
        expect(isMet).toBe(most >= wanted);
      }),
      { numRuns: 500 },
    );
  });

  it("is met still with one claim more, and no sooner with one less", () => {
    fc.assert(
      fc.property(claims, claims, quorums, (given, more, quorum) => {
        expect(met([...given, ...more], quorum) || !met(given, quorum)).toBe(true);
      }),
    );
  });

  it("asks for no less the stricter it is", () => {
    fc.assert(
      fc.property(claims, quorums, (given, quorum) => {
        const strict = met(given, { ...quorum, require: "all" });
        expect(met(given, { ...quorum, require: "any" }) || !strict).toBe(true);
        expect(met(given, { of: quorum.of, require: quorum.require }) || !met(given, quorum)).toBe(true);
      }),
    );
  });
});
