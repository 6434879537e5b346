import { describe, expect, it } from "@jest/globals";
import { SABOTAGE_NAMES, SABOTAGES } from "../../cli/demo/sabotage.ts";
import { VERDICT_NAMES } from "../../cli/demo/verdicts.ts";
import { redLines, runDemo } from "../support/demo.ts";

const DEMO_MS = 150_000;

/** `npm test` breaks several at once; here each has a demo of its own, so that no line hides behind another's. */
describe("breaking one thing by itself", () => {
  it.each(SABOTAGE_NAMES)(
    "%s turns exactly its lines red",
    async (name) => {
      const run = await runDemo("--json", "--sabotage", name);
      const expected = VERDICT_NAMES.filter((line) => SABOTAGES[name].turnsRed.some((red) => red === line));
      expect({ red: redLines(run), code: run.code }).toEqual({ red: expected, code: 1 });
    },
    DEMO_MS,
  );
});
