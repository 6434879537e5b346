import { describe, expect, it } from "@jest/globals";
import { runSeeds } from "./run-seeds.ts";
import { outdated } from "./sabotage.ts";

/** Of these and the ones in tests/real/gate-seeds.test.ts there are 2,000. */
const SEEDS = 150;

describe("the gate, whatever happens to registries, threads, clocks and files", () => {
  it("allows nothing that may not run, answers in time, and allows what must run when all is calm", async () => {
    const { exitCode, lines } = await runSeeds("--seeds", String(SEEDS));
    expect(lines.at(-1)).toMatch(
      new RegExp(`^${SEEDS} seeds from 0, 0 failed, \\d{3,} reviews, \\d{3,} allowed, \\d{2,} of them due`),
    );
    expect(exitCode).toBe(0);
  }, 120_000);

  it("does the same for the same seed", async () => {
    const [first, second] = await Promise.all([runSeeds("--seed", "36"), runSeeds("--seed", "36")]);
    expect(first.lines.length).toBeGreaterThan(10);
    expect(first.lines.slice(0, -1)).toEqual(second.lines.slice(0, -1));
  }, 60_000);

  it("still holds every line that a sabotage changes", () => {
    expect(outdated()).toEqual([]);
  });

  it("is found out by them when it does not look at roles", async () => {
    const { exitCode, lines } = await runSeeds("--seeds", String(SEEDS), "--sabotage", "roles are not looked at");
    expect(exitCode).toBe(1);
    expect(lines.join("\n")).toContain("FAILED: wrongly allowed");
  }, 120_000);
});
