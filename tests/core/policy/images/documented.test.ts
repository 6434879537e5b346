import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { parse } from "yaml";
import { compilePolicies } from "../../../../core/policy/images/schema/compile-policies.ts";

const TEXT = readFileSync(join(import.meta.dirname, "../../../../docs/image-policy.md"), "utf8");
const key = (digit: string) => `-----BEGIN PUBLIC KEY-----\nAAA${digit}\n-----END PUBLIC KEY-----\n`;

describe("the policy in docs/image-policy.md", () => {
  const [, yaml = ""] = /```yaml\n([\s\S]*?)```/.exec(TEXT) ?? [];
  const value: unknown = parse(yaml.replaceAll(/"PUBLIC KEY (\d)"/g, (_, digit: string) => JSON.stringify(key(digit))));
  const { policies, objects } = compilePolicies([{ source: "docs", value }], { builtIn: new Map(), check: () => [] });

  it("compiles as it stands", () => {
    expect(objects.map(({ problems }) => problems)).toEqual([[]]);
    expect(policies).toHaveLength(1);
  });

  it("leaves no field of the specification out, there or in the text around it", () => {
    const written = Object.keys((value as { spec: object }).spec);
    const known = Object.keys(policies?.[0]?.spec ?? {});
    expect(known.filter((field) => !written.includes(field) && !TEXT.includes(`\`${field}`))).toEqual([]);
  });
});
