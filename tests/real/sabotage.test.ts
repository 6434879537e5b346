import { describe, expect, it } from "@jest/globals";
import { SABOTAGE_NAMES, SABOTAGES } from "../../cli/demo/sabotage.ts";
import { redLines, runDemo } from "../support/demo.ts";

describe("breaking one thing by itself turns exactly its lines red", () => {
  it.each(SABOTAGE_NAMES)(
    "%s",
    async (name) => {
      const run = await runDemo("--json", "--sabotage", name);
      expect(redLines(run).toSorted()).toEqual([...SABOTAGES[name].turnsRed].toSorted());
      expect(run.code).toBe(1);
    },
    120_000,
  );
});
