import { describe, expect, it } from "@jest/globals";
import { SABOTAGE_NAMES, SABOTAGES, type SabotageName } from "../../cli/demo/sabotage.ts";
import { VERDICT_NAMES, type VerdictName } from "../../cli/demo/verdicts.ts";
import { redLines, runDemo } from "../support/demo.ts";

/**
 * Sabotages whose red lines do not overlap and whose parts do not meet, broken together in one run: a line that turns
 * red without being listed fails the row whichever of its names caused it. Each name by itself: tests/real/sabotage.test.ts,
 * which takes four minutes.
 */
const TOGETHER: readonly (readonly SabotageName[])[] = [
  ["drop-signature-rule", "drop-scan-rule", "skip-injection", "plain-text", "lose-trace-context", "rename-metric"],
  ["swap-signing-key", "skip-digest-pin", "drop-rego", "drop-policy", "skip-fault"],
  ["lax-pod-security", "leave-digest", "rename-account", "blind-explain", "freeze-collector"],
  ["freeze-mesh"],
  ["cut-route"],
];

const turnsRed = (names: readonly SabotageName[]): VerdictName[] => {
  const red = new Set<VerdictName>(names.flatMap((name) => [...SABOTAGES[name].turnsRed]));
  return VERDICT_NAMES.filter((name) => red.has(name));
};

describe("breaking one thing turns exactly its lines red", () => {
  it("walks every name", () => {
    expect(TOGETHER.flat().toSorted()).toEqual(SABOTAGE_NAMES.toSorted());
  });

  it.each(TOGETHER.map((names) => [names.join(", "), names] as const))(
    "%s",
    async (_title, names) => {
      const run = await runDemo("--json", "--sabotage", ...names);
      expect(redLines(run)).toEqual(turnsRed(names));
      expect(run.code).toBe(1);
    },
    120_000,
  );
});
