import { describe, expect, it } from "@jest/globals";
import { parseManifest } from "../../../core/cluster/documents.ts";

const readWord = (text: string): unknown => parseManifest(`value: ${text}\n`, "a.yaml")[0]?.value;

describe("a plain word of a manifest is what Kubernetes reads it as (YAML 1.1)", () => {
  it.each<[text: string, value: unknown]>([
    ["0644", 0o644],
    ["-010", -8],
    ["0", 0],
    ["420", 420],
    ["yes", true],
    ["On", true],
    ["NO", false],
    ["off", false],
    ["yesterday", "yesterday"],
    ['"0644"', "0644"],
    ["'yes'", "yes"],
    ["12:30", "12:30"],
  ])("%s", (text, value) => expect(readWord(text)).toEqual({ value }));
});
