import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  PATTERN_DEPTH_LIMIT,
  PATTERN_STATES_LIMIT,
  readIdentityPattern,
} from "../../../core/policy/images/schema/identity-pattern.ts";

describe("a pattern of identities", () => {
  const cases: [pattern: string, text: string, matches: boolean][] = [
    ["acme", "acme", true],
    ["acme", "acme-evil", false],
    ["acme", "not-acme", false],
    ["a|b", "ab", false],
    ["^https://github\\.com/acme/.+@refs/heads/main$", "https://github.com/acme/shop@refs/heads/main", true],
    ["https://github\\.com/acme/.+", "https://github-com/acme/shop", false],
    [".*", "line\nline", false],
    ["[a-z0-9-]{3,5}", "a-9", true],
    ["[a-z0-9-]{3,5}", "abcdef", false],
    ["[^/]+", "a/b", false],
    ["(?:dev|prod)-\\d+?", "prod-42", true],
    ["v\\d{2}", "v1", false],
    ["a{2,}", "aaaa", true],
    ["gr\u{1f600}y", "gr\u{1f600}y", true],
  ];
  it.each(cases)("%j holds %j: %j", (pattern, text, matches) => {
    expect(readIdentityPattern(pattern).test(text)).toBe(matches);
  });

  it.each([
    "(",
    ")",
    "[a",
    "a**",
    "*a",
    "(?=a)",
    "(?<n>a)",
    "\\1",
    "\\b",
    "a{2,1}",
    "a{",
    "[z-a]",
    "\\p{L}",
    "a^b",
    "a$b",
  ])("%j is refused when it is read", (pattern) => {
    expect(() => readIdentityPattern(pattern)).toThrow(SyntaxError);
  });

  it("is bounded in states and in groups", () => {
    expect(() => readIdentityPattern(`(a{64}){${PATTERN_STATES_LIMIT / 64}}`)).toThrow("repeats too much");
    const nested = (depth: number) => `${"(".repeat(depth)}a${")".repeat(depth)}`;
    expect(readIdentityPattern(nested(PATTERN_DEPTH_LIMIT)).test("a")).toBe(true);
    expect(() => readIdentityPattern(nested(PATTERN_DEPTH_LIMIT + 1))).toThrow("too many groups");
  });

  it("ends where an engine that backtracks would not", () => {
    const long = "a".repeat(1000);
    for (const pattern of ["(a+)+b", "(a|a)*b", "a*a*a*a*a*b", "(.*)*x"])
      expect(readIdentityPattern(pattern).test(long)).toBe(false);
  });

  it("means what the engine's own anchored expression means", () => {
    const atom = fc.constantFrom("a", "b", ".", "\\.", "[ab]", "[^a]", "(a|b)", "(?:ab)", "(a|)", "\\w", "/");
    const piece = fc
      .tuple(atom, fc.constantFrom("", "", "*", "+", "?", "{2}", "{1,3}", "{2,}", "*?"))
      .map((parts) => parts.join(""));
    const pattern = fc
      .array(
        fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join("")),
        { minLength: 1, maxLength: 3 },
      )
      .map((ways) => ways.join("|"));
    const text = fc.array(fc.constantFrom("a", "b", ".", "/"), { maxLength: 8 }).map((chars) => chars.join(""));
    fc.assert(
      fc.property(pattern, text, (given, held) => {
        expect(readIdentityPattern(given).test(held)).toBe(new RegExp(`^(?:${given})$`, "u").test(held));
      }),
      { numRuns: 500 },
    );
  });
});
