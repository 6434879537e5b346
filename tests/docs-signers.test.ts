import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parseAllDocuments } from "yaml";
import { compileObjects } from "../admission/sources/policies.ts";
import { generateSigner } from "../cli/demo/signing/signing.ts";
import { issue } from "./support/notary/certificates.ts";
import { ROOT } from "./support/sources.ts";

const text = readFileSync(join(ROOT, "docs/signers.md"), "utf8");
const blocks = [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, block = ""]) => block);

/** The words that stand for somebody's own keys, replaced by such. */
function filledIn(block: string): string {
  const indented = (pem: string, spaces: number) => pem.trim().replaceAll("\n", `\n${" ".repeat(spaces)}`);
  const key = indented(generateSigner("doc").publicKeyPem, 8);
  return block.replaceAll("PUBLIC KEY", key).replaceAll("CERTIFICATES", indented(issue("authority").pem, 6));
}

describe("docs/signers.md", () => {
  it.each(blocks.map((block) => [/name: (\S+)/.exec(block)?.[1], block]))(
    "%s is a policy in force as it stands",
    (_, block) => {
      const objects = parseAllDocuments(filledIn(block ?? "")).map((document) => ({
        source: "docs",
        value: document.toJS(),
      }));
      const compilation = compileObjects(objects);
      expect(compilation.objects.flatMap(({ problems }) => problems)).toEqual([]);
      expect(compilation.policies).toHaveLength(1);
    },
  );

  it("shows each way to recognise an authority", () => {
    expect(blocks).toHaveLength(3);
  });
});
