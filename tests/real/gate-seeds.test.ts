import { describe, expect, it } from "@jest/globals";
import { runSeeds } from "../faults/run-seeds.ts";
import { SABOTAGES } from "../faults/sabotage.ts";

/** After those of tests/faults/gate-seeds.test.ts, 2,000 in all. */
const FROM = 150;
const SEEDS = 1850;

describe("2,000 seeds", () => {
  it("find nothing wrong with the gate", async () => {
    const { exitCode, lines } = await runSeeds("--from", String(FROM), "--seeds", String(SEEDS));
    expect(lines.at(-1)).toContain(`${SEEDS} seeds from ${FROM}, 0 failed`);
    expect(exitCode).toBe(0);
  }, 600_000);

  it.each(Object.keys(SABOTAGES))(
    "find out that %s",
    async (name) => {
      const { exitCode, lines } = await runSeeds("--seeds", "2000", "--sabotage", name);
      expect(lines.join("\n")).toContain("FAILED");
      expect(exitCode).toBe(1);
    },
    600_000,
  );
});
