import { describe, expect, it } from "@jest/globals";
import { VERDICT_NAMES } from "../../cli/demo/verdicts.ts";
import { redLines, runDemo, startDemo, verdictsOf } from "../support/demo.ts";
import { leftOvers } from "../support/left-overs.ts";

const DEMO_MS = 90_000;

describe("the main job", () => {
  it(
    "is as expected on every line, twice at once, and leaves nothing behind",
    async () => {
      const runs = [startDemo("--json"), startDemo("--json")];
      for (const { child, collect } of runs) {
        const run = await collect;
        expect(verdictsOf(run).filter((verdict) => !verdict.ok)).toEqual([]);
        expect(verdictsOf(run).map((verdict) => verdict.name)).toEqual(VERDICT_NAMES);
        expect(run.code).toBe(0);
        expect(leftOvers(child.pid ?? 0)).toEqual([]);
      }
    },
    2 * DEMO_MS,
  );

  it("refuses a sabotage it does not know, names the near one and starts nothing", async () => {
    const run = await runDemo("--sabotage", "drop-polcy");
    expect(run.code).toBe(2);
    expect(run.stdout).toBe("");
    expect(run.stderr).toContain('CLI_UNKNOWN_SABOTAGE: --sabotage drop-polcy: unknown (did you mean "drop-policy"?)');
  });

  it(
    "ends at Ctrl-C with nothing left behind, and every line it did not reach is red",
    async () => {
      const { child, collect, line } = startDemo("--json");
      await line(/digest pinned/);
      child.kill("SIGINT");
      const run = await collect;
      expect(run.code).toBe(1);
      expect(run.stderr).toContain("stopped by SIGINT");
      expect(redLines(run)).toContain("page answers");
      expect(leftOvers(child.pid ?? 0)).toEqual([]);
    },
    DEMO_MS,
  );
});
