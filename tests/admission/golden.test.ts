import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ADMISSION_ERRORS } from "../../admission/errors.ts";
import { POLICY_ERRORS } from "../../core/policy/errors.ts";
import { MADE_UP_DENIALS, openImageDenials } from "./support/denials/images.ts";
import { POD_DENIALS, SHAPE_DENIALS } from "./support/denials/pods.ts";
import { openRegoDenials } from "./support/denials/rego.ts";
import { openReviewDenials } from "./support/denials/reviews.ts";
import { SIDECAR_DENIALS } from "./support/denials/sidecar.ts";

/**
 * What a person reads when the gate refuses, one file for each code: through the real doors, word for word. After a
 * change that is meant: OUTRIDER_GOLDEN=write, then read what changed.
 */
const FOLDER = join(import.meta.dirname, "golden");
const WRITES = process.env["OUTRIDER_GOLDEN"] === "write";

const CODES = [...Object.keys(POLICY_ERRORS), ...Object.keys(ADMISSION_ERRORS)].filter((code) =>
  /^(?:IMG|PSS|SIDECAR|REVIEW|REGO|POD|NAMESPACE|EVIDENCE)_/.test(code),
);

const rego = openRegoDenials();
const reviews = openReviewDenials();
let images: Awaited<ReturnType<typeof openImageDenials>>;

beforeAll(async () => {
  images = await openImageDenials();
});

afterAll(async () => {
  await images.close();
  await rego.close();
  reviews.close();
});

const denials = (): Readonly<Record<string, () => Promise<string>>> => ({
  ...images.denials,
  ...MADE_UP_DENIALS,
  ...POD_DENIALS,
  ...SHAPE_DENIALS,
  ...SIDECAR_DENIALS,
  ...rego.denials,
  ...reviews.denials,
});

function golden(code: string, text: string): string {
  const file = join(FOLDER, `${code}.txt`);
  if (WRITES) writeFileSync(file, `${text}\n`);
  return existsSync(file) ? readFileSync(file, "utf8") : "(no such file)";
}

describe("every code that refuses", () => {
  it.each(CODES)(
    "%s: its text is as it is kept, and says what was found, what is expected and what to do",
    async (code) => {
      const text = (await denials()[code]?.()) ?? "(no denial has this code)";
      expect(golden(code, text)).toBe(`${text}\n`);
      expect(text).toContain(`${code}: `);
      for (const word of [/\bfound \S/, /\bexpected \S/, /\bfix: \S/]) expect(text).toMatch(word);
    },
  );

  it("has a file, and no file is left of another", () => {
    expect(readdirSync(FOLDER).toSorted()).toEqual(CODES.map((code) => `${code}.txt`).toSorted());
  });
});
