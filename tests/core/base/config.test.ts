import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { z } from "zod";
import { CONFIG_FILE_LIMIT_BYTES, parseYamlDocuments, readConfig, validate } from "../../../core/base/config.ts";
import { durationField } from "../../../core/base/duration.ts";
import { hostPortField } from "../../../core/base/host-port.ts";

/** Fields as the services write them: their own words, and zod's. */
const objective = z.strictObject({
  service: z.string(),
  target: z.number().refine((target) => target > 0 && target < 1, {
    error: ({ input }) => `expected a ratio between 0 and 1, found ${input} (a percentage? write 0.999)`,
  }),
  period: durationField,
});
const SCHEMA = z.strictObject({
  objectives: z.array(objective).optional(),
  listen: hostPortField.optional(),
  mode: z.enum(["enforce", "warn", "audit"]).optional(),
  limit: z.int().min(1).max(10).optional(),
  verify: z.boolean().optional(),
  tags: z.array(z.string().min(1)).min(1).optional(),
  registries: z.record(z.string(), z.strictObject({ plainHttp: z.boolean() })).optional(),
  wrapped: z
    .strictObject({ interval: z.string() })
    .refine(() => true)
    .nullable()
    .prefault({ interval: "1s" })
    .optional(),
  piped: z
    .strictObject({ folder: z.string() })
    .transform(({ folder }) => folder)
    .optional(),
  port: z.union([z.int().max(65_535), z.string().min(1)]).optional(),
  source: z.union([z.strictObject({ url: z.url() }), z.strictObject({ certificate: z.string() })]).optional(),
  backend: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("file"), path: z.string() }),
      z.strictObject({ kind: z.literal("remote"), address: z.string() }),
    ])
    .optional(),
  pair: z.tuple([z.string(), z.strictObject({ weight: z.number() })]).optional(),
  labels: z.record(z.string().regex(/^[a-z]+$/), z.string()).optional(),
});

function messageOf(work: () => unknown): string {
  try {
    work();
    return "";
  } catch (thrown) {
    expect(thrown).toMatchObject({ code: "CONFIG_INVALID", fix: expect.any(String) });
    return (thrown as Error).message;
  }
}

const problems = (value: unknown) => messageOf(() => validate(SCHEMA, value, "slo/checkout.yaml"));

describe("a configuration with faults", () => {
  it("says all of them at once, each with its path, what was expected and what was found", () => {
    const objectives = [
      { service: "checkout", target: 99.9, period: 30 },
      { sevice: "payments", service: "payments", target: 0.99, period: "30d" },
    ];
    expect(problems({ objectives })).toBe(
      [
        "slo/checkout.yaml: 3 problems",
        "  objectives[0].target: expected a ratio between 0 and 1, found 99.9 (a percentage? write 0.999)",
        '  objectives[0].period: expected a duration such as "30s" (units ms, s, m, h, d, w), found 30',
        '  objectives[1].sevice: unknown key (did you mean "service"?)',
      ].join("\n"),
    );
  });

  const cases: [given: string, value: object, problem: string][] = [
    ["nothing where something must be", { objectives: [{}] }, "objectives[0].service: expected text, found nothing"],
    ["a number for text", { tags: [7] }, "tags[0]: expected text, found 7"],
    ["text for a number", { limit: "7" }, 'limit: expected a number, found "7"'],
    ["half a number", { limit: 1.5 }, "limit: expected a whole number, found 1.5"],
    ["a number out of range", { limit: 11 }, "limit: expected a number <=10, found 11"],
    ["a word for true or false", { verify: "yes" }, 'verify: expected true or false, found "yes"'],
    ["an empty list", { tags: [] }, "tags: expected >=1 items, found []"],
    ["an empty text", { tags: [""] }, 'tags[0]: expected text, not empty, found ""'],
    ["no list", { tags: { a: 1 } }, 'tags: expected a list, found {"a":1}'],
    ["no mapping", { wrapped: "1s" }, 'wrapped: expected a mapping, found "1s"'],
    ["no address", { listen: "8443" }, 'listen: expected host:port such as "127.0.0.1:8443", found "8443"'],
    [
      "a word that is none of those allowed",
      { mode: "observe" },
      'mode: expected one of "enforce", "warn", "audit", found "observe"',
    ],
    [
      "one that is nearly one of them",
      { mode: "Enforce" },
      'mode: expected one of "enforce", "warn", "audit", found "Enforce" (did you mean "enforce"?)',
    ],
    ["a value of no alternative's type", { port: true }, "port: expected a number or text, found true"],
    ["a value of one alternative's type, out of its range", { port: 65_536 }, "port: expected a number <=65535"],
    [
      "an alternative's fault",
      { source: { url: "nowhere" } },
      'source.url: expected a URL such as "https://example.org", found "nowhere"',
    ],
    ["a kind of none", { backend: { kind: "flie" } }, 'expected one of "file", "remote", found "flie"'],
    ["a key of the wrong form", { labels: { "7": "x" } }, "labels.7: key: expected text that matches /^[a-z]+$/"],
    ["a value too long to repeat", { limit: "x".repeat(200) }, `found "${"x".repeat(76)}...`],
  ];
  it.each(cases)("names %s", (_given, value, problem) => {
    expect(problems(value)).toContain(problem);
  });
});

describe("a mistyped key is answered with the one that was meant", () => {
  const cases: [given: string, value: object, problem: string][] = [
    ["at the top", { objectivs: [] }, 'objectivs: unknown key (did you mean "objectives"?)'],
    [
      "in a list",
      { objectives: [{ sevice: "a", target: 0.9, period: "1d" }] },
      'objectives[0].sevice: unknown key (did you mean "service"?)',
    ],
    [
      "in a mapping of any keys",
      { registries: { "127.0.0.1": { plainHtp: true } } },
      'registries.127.0.0.1.plainHtp: unknown key (did you mean "plainHttp"?)',
    ],
    ["behind defaults, null and refinements", { wrapped: { intreval: "1s" } }, '(did you mean "interval"?)'],
    ["before a transformation", { piped: { foldr: "x" } }, '(did you mean "folder"?)'],
    ["in the alternative that was meant", { source: { certificat: "x" } }, '(did you mean "certificate"?)'],
    ["in the kind that was written", { backend: { kind: "file", pth: "x" } }, '(did you mean "path"?)'],
    ["in a pair", { pair: ["a", { wieght: 1 }] }, '(did you mean "weight"?)'],
  ];
  it.each(cases)("%s", (_given, value, problem) => {
    expect(problems(value)).toContain(problem);
  });

  it("but not with one far away", () => {
    expect(problems({ completelyElse: 1 })).toMatch(/completelyElse: unknown key$/);
  });
});

describe("a file", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "outrider-config-"));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it("that is not YAML is answered with line and column of each fault", () => {
    const text = "a: [1\nb: 2\n---\nc: 1\nc: 2\n";
    expect(messageOf(() => parseYamlDocuments(text, "x.yaml"))).toMatch(
      /^x\.yaml: \d problems(\n {2}line \d column \d: .*)+\n {2}line 5 column 1: Map keys must be unique$/,
    );
  });

  const bombs: [given: string, text: string, problem: string][] = [
    [
      "an alias of nothing",
      "---\n---\n# here\na: *nowhere\n",
      "x.yaml: 1 problem\n  line 4 column 1: unresolved alias",
    ],
    ["an alias of what holds it", "a: &a [*a]", "x.yaml: 1 problem\n  line 1 column 1: expected a tree"],
    [
      "aliases that multiply",
      `a: &a [x]\n${Array.from({ length: 12 }, (_, i) => `k${i}: &k${i} [${Array(10).fill(i === 0 ? "*a" : `*k${i - 1}`)}]`).join("\n")}`,
      "excessive alias count",
    ],
  ];
  it.each(bombs)("with %s is refused", (_given, text, problem) => {
    expect(messageOf(() => parseYamlDocuments(text, "x.yaml"))).toContain(problem);
  });

  it("with no document, or several, is none of a service", () => {
    const file = join(folder, "c.yaml");
    for (const [text, count] of [
      ["# nothing\n", 0],
      ["mode: warn\n---\nmode: audit\n", 2],
    ] as const) {
      writeFileSync(file, text);
      expect(messageOf(() => readConfig(SCHEMA, file))).toBe(
        `${file}: 1 problem\n  expected one document, found ${count}`,
      );
    }
  });

  const unreadable: [given: string, make: (file: string) => void][] = [
    ["that is not there", () => {}],
    ["that is too large", (file) => writeFileSync(file, " ".repeat(CONFIG_FILE_LIMIT_BYTES + 1))],
  ];
  it.each(unreadable)("%s is unreadable", (given, make) => {
    const file = join(folder, `${given}.yaml`);
    make(file);
    expect(() => readConfig(SCHEMA, file)).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE" }));
  });

  it("that is a folder is unreadable", () => {
    expect(() => readConfig(SCHEMA, folder)).toThrow(expect.objectContaining({ code: "CONFIG_UNREADABLE" }));
  });
});
