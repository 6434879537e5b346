import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  formatReference,
  formatRepository,
  NAME_LIMIT_CHARS,
  parseReference,
  pinReference,
  REFERENCE_LIMIT_CHARS,
} from "../../../core/images/reference.ts";
import type { Digest } from "../../../core/policy/evidence.ts";

const DIGEST: Digest = `sha256:${"7a".repeat(32)}`;

describe("an image reference means", () => {
  const cases: [text: string, meant: string][] = [
    ["nginx", "docker.io/library/nginx:latest"],
    ["nginx:1.29", "docker.io/library/nginx:1.29"],
    ["acme/web", "docker.io/acme/web:latest"],
    ["docker.io/nginx", "docker.io/library/nginx:latest"],
    ["index.docker.io/library/nginx:1", "docker.io/library/nginx:1"],
    ["localhost/web", "localhost/web:latest"],
    ["GHCR.IO/acme/web", "ghcr.io/acme/web:latest"],
    ["127.0.0.4:5000/shop/web:1", "127.0.0.4:5000/shop/web:1"],
    ["[::1]:5000/web", "[::1]:5000/web:latest"],
    [`web@${DIGEST}`, `docker.io/library/web@${DIGEST}`],
    [`ghcr.io/a/b-c__d.e:V1@${DIGEST}`, `ghcr.io/a/b-c__d.e:V1@${DIGEST}`],
    ["web:5000", "docker.io/library/web:5000"],
  ];
  it.each(cases)("%s is %s", (text, meant) => expect(formatReference(parseReference(text))).toBe(meant));
});

describe("what is no image reference is refused", () => {
  const cases: [why: string, text: string][] = [
    ["empty", ""],
    ["upper case in the repository", "ghcr.io/Acme/web"],
    ["upper case without a host", "Nginx"],
    ["a space before", " nginx"],
    ["a line break after", "nginx\n"],
    ["a Cyrillic letter that looks Latin", "ghcr.io/аcme/web"],
    ["a full-width letter", "ghcr.io/acme/ｗeb"],
    ["an empty segment", "ghcr.io//web"],
    ["a path that climbs", "ghcr.io/../web"],
    ["a trailing slash", "ghcr.io/web/"],
    ["a port that is none", "ghcr.io:99999/web"],
    ["user info in the host", "user:pass@ghcr.io/web"],
    ["a scheme", "https://ghcr.io/web"],
    ["a percent sign", "ghcr.io/a%2fb"],
    ["an empty tag", "web:"],
    ["a tag that starts with a dot", "web:.1"],
    ["a tag too long", `web:${"a".repeat(129)}`],
    ["a short digest", "web@sha256:77ab"],
    ["an upper-case digest", `web@sha256:${"7A".repeat(32)}`],
    ["another hash", `web@sha512:${"7a".repeat(64)}`],
    ["two digests", `web@${DIGEST}@${DIGEST}`],
    ["an image id", "7a".repeat(32)],
    ["a name too long", `ghcr.io/${"a/".repeat(130)}b`],
    ["a text too long", "a".repeat(REFERENCE_LIMIT_CHARS + 1)],
  ];
  it.each(cases)("%s", (_why, text) => {
    expect(() => parseReference(text)).toThrow(expect.objectContaining({ code: "REF_INVALID" }));
  });
});

describe("pinning", () => {
  it("keeps the tag for people and adds the digest", () => {
    expect(pinReference(parseReference("ghcr.io/acme/web:1"), DIGEST)).toBe(`ghcr.io/acme/web:1@${DIGEST}`);
  });
  it("is the same the second time", () => {
    const once = pinReference(parseReference("web:1"), DIGEST);
    expect(pinReference(parseReference(once), DIGEST)).toBe(once);
  });
});

const segment = fc.stringMatching(/^[a-z0-9]{1,8}(?:(?:\.|_|__|-{1,3})[a-z0-9]{1,6}){0,2}$/);
const host = fc.stringMatching(/^[a-z][a-z0-9]{0,8}\.[a-z0-9]{1,5}(?::[0-9]{1,4})?$/);
const reference = fc.record({
  registry: host,
  repository: fc.array(segment, { minLength: 1, maxLength: 5 }).map((parts) => parts.join("/")),
  tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined }),
  digest: fc.option(fc.stringMatching(/^sha256:[0-9a-f]{64}$/) as fc.Arbitrary<Digest>, { nil: undefined }),
});

/** The grammar as one expression, written from the specification and not from the parser. */
const SPECIFIED =
  /^(?:(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[A-Fa-f0-9:]+\])(?::[0-9]+)?\/)?[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@sha256:[0-9a-f]{64})?$/;

describe("by property", () => {
  it("what is formatted parses to the same parts", () => {
    fc.assert(
      fc.property(reference, ({ registry, repository, tag, digest }) => {
        const text = `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
        const parsed = parseReference(text);
        expect(formatRepository(parsed)).toBe(`${registry}/${repository}`);
        expect(parsed.digest).toBe(digest);
        expect(parsed.tag).toBe(tag ?? (digest === undefined ? "latest" : undefined));
        const { text: _written, ...parts } = parseReference(formatReference(parsed));
        expect(parts).toEqual({ ...parsed, text: undefined, ...parts });
      }),
    );
  });

  it("nothing is accepted that the grammar refuses, and names stay bounded", () => {
    const letters = fc.constantFrom(..."abAZ019._-/:@[]% \n\u0430\u{1f600}".split(""), "sha256:", "a".repeat(64));
    const anything = fc.oneof(
      fc.string(),
      fc.array(letters, { maxLength: 24 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(anything, (text) => {
        let parsed: ReturnType<typeof parseReference>;
        try {
          parsed = parseReference(text);
        } catch {
          return;
        }
        expect(text).toMatch(SPECIFIED);
        expect(formatRepository(parsed).length).toBeLessThanOrEqual(NAME_LIMIT_CHARS + "docker.io/library/".length);
      }),
      { numRuns: 2000 },
    );
  });
});
