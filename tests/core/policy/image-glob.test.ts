import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { imageGlobProblem, matchesImage } from "../../../core/policy/images/image-glob.ts";

describe("a glob covers", () => {
  it.each([
    ["ghcr.io/acme/*", "ghcr.io/acme/web"],
    ["ghcr.io/acme/**", "ghcr.io/acme/team/web"],
    ["ghcr.io/**/web", "ghcr.io/web"],
    ["ghcr.io/acme/web-*", "ghcr.io/acme/web-1"],
    ["127.0.0.4:5000/shop/*", "127.0.0.4:5000/shop/web"],
    ["nginx", "docker.io/library/nginx"],
    ["acme/*", "docker.io/acme/web"],
    ["**", "ghcr.io/any/thing"],
    ["*/acme/web", "ghcr.io/acme/web"],
    ["ghcr.io/a*b*c/d", "ghcr.io/aXbbXc/d".toLowerCase()],
  ])("%s: %s", (glob, name) => expect(matchesImage(glob, name)).toBe(true));
});

describe("a glob does not cover", () => {
  it.each([
    ["a longer first segment", "ghcr.io/acme/*", "ghcr.io/acme-evil/web"],
    ["a host that starts alike", "ghcr.io/acme/*", "ghcr.io.evil.example/acme/web"],
    ["a deeper path", "ghcr.io/acme/*", "ghcr.io/acme/team/web"],
    ["the folder itself", "ghcr.io/acme/*", "ghcr.io/acme"],
    ["another port", "127.0.0.4:5000/shop/*", "127.0.0.4:5001/shop/web"],
    ["another host, when it names Docker Hub by saying none", "acme/*", "ghcr.io/acme/web"],
    ["a longer name", "nginx", "docker.io/library/nginx-evil"],
    ["a dot as any letter", "ghcr.io/a.b", "ghcr.io/axb"],
  ])("%s: %s", (_why, glob, name) => expect(matchesImage(glob, name)).toBe(false));
});

describe("a glob is refused", () => {
  it.each([
    "ghcr.io/Acme/*",
    "ghcr.io//web",
    "",
    "ghcr.io/a b",
    "ghcr.io/web@sha256:1",
    "ghcr.io/web:1",
    "a".repeat(600),
    "a/".repeat(40),
  ])("%j", (glob) => {
    expect(imageGlobProblem(glob)).toBeDefined();
  });
});

const segment = fc.stringMatching(/^[ab.-]{1,4}$/);
const name = fc.array(segment, { minLength: 2, maxLength: 4 }).map((parts) => `h.io/${parts.join("/")}`);

describe("by property", () => {
  it("every name is covered by itself, by one star a segment, and by **", () => {
    fc.assert(
      fc.property(name, (text) => {
        const stars = text.split("/").map((_, index) => (index === 0 ? "h.io" : "*"));
        expect([text, stars.join("/"), "h.io/**"].every((glob) => matchesImage(glob, text))).toBe(true);
      }),
    );
  });

  it("agrees with the regular expression it stands for", () => {
    const glob = fc.array(
      fc.oneof(
        fc.constant("**"),
        fc.stringMatching(/^[ab.*-]{1,4}$/).filter((text) => text !== "**"),
      ),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(glob, name, (parts, text) => {
        const pattern = parts
          .map((part) =>
            part === "**" ? "(?:/[^/]+)*" : `/${part.replaceAll(/[.-]/g, "\\$&").replaceAll("*", "[^/]*")}`,
          )
          .join("");
        expect(matchesImage(`h.io/${parts.join("/")}`, text)).toBe(new RegExp(`^h\\.io${pattern}$`).test(text));
      }),
      { numRuns: 2000 },
    );
  });

  it("answers at once however many stars there are", () => {
    expect(matchesImage(`h.io/${"**/".repeat(30)}x`, `h.io/${"a/".repeat(100)}y`)).toBe(false);
    expect(matchesImage(`h.io/${"*a".repeat(200)}b`, `h.io/${"a".repeat(250)}`)).toBe(false);
  });
});
