import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { LIBRARY_OPA_VERSION, REGO_LIBRARY } from "../../admission/rego/rego.ts";
import { PARTS } from "../../tools/parts.mjs";
import { compileLibrary, LIBRARY_WASM } from "../../tools/rego.ts";
import { describeWith } from "../support/parts.ts";
import { run } from "./support/program.ts";

describe("the Rego library's compiler", () => {
  it("is the version that the sources say", () => expect(`v${LIBRARY_OPA_VERSION}`).toBe(PARTS.opa.version));
});

describeWith(["opa"], "the compiled Rego library", ({ opa }) => {
  it("is what opa makes of its sources (node tools/rego.ts writes it)", () => {
    expect(compileLibrary(opa).equals(readFileSync(LIBRARY_WASM))).toBe(true);
  });

  it.each(Object.keys(REGO_LIBRARY))("has sources of %s that opa's strict checker accepts", async (rule) => {
    const source = `admission/rego/${rule.replaceAll("-", "_")}.rego`;
    expect(await run(opa, ["check", "--strict", source])).toMatchObject({ code: 0 });
  });
});
