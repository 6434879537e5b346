import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { missingOptional, platformEntry } from "../../tools/lockfile.mjs";
import { ROOT } from "../support/sources.ts";

const text = readFileSync(join(ROOT, "package-lock.json"), "utf8");

describe("package-lock.json", () => {
  it("has every platform's packages, so that npm ci takes it anywhere (node tools/lockfile.mjs adds them)", () => {
    expect(missingOptional(JSON.parse(text))).toEqual([]);
  });

  it("records no download address", () => expect(text).not.toContain('"resolved"'));
});

describe("a platform's package", () => {
  it.each([
    ["@biomejs/cli-darwin-arm64", { os: ["darwin"], cpu: ["arm64"] }],
    ["@biomejs/cli-linux-x64-musl", { os: ["linux"], cpu: ["x64"], libc: ["musl"] }],
    ["@oxc-parser/binding-linux-ppc64-gnu", { os: ["linux"], cpu: ["ppc64"], libc: ["glibc"] }],
    ["@unrs/resolver-binding-win32-x64-msvc", { os: ["win32"], cpu: ["x64"] }],
  ])("%s says where it belongs", (name, platform) => {
    expect(platformEntry(name, "1.2.3")).toEqual({ version: "1.2.3", optional: true, ...platform });
  });

  it("is not guessed from a name without a platform", () => {
    expect(platformEntry("left-pad", "1.2.3")).toBeUndefined();
  });
});
