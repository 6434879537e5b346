import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { backOffMs, FIRST_BACK_OFF_MS, LONGEST_BACK_OFF_MS, renewalDelayMs } from "../../../core/identity/renewal.ts";

const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });

describe("a renewal", () => {
  it("falls between 45 and 77 % of the certificate's life, whatever the dice say", () => {
    fc.assert(
      fc.property(random, fc.integer({ min: 1, max: 1e9 }), (dice, lifeMs) => {
        const share = renewalDelayMs({ notAfterMs: 5 + lifeMs }, 5, dice) / lifeMs;
        return share > 0.449 && share < 0.771;
      }),
    );
  });

  it("is due at once when the certificate has ended", () => {
    expect(renewalDelayMs({ notAfterMs: 5 }, 10, 0.5)).toBe(0);
  });

  it("that failed is tried again after a wait that doubles up to a minute", () => {
    expect([0, 1, 2].map((failures) => backOffMs(failures, 0))).toEqual([100, 200, 400]);
    fc.assert(
      fc.property(fc.nat(1000), random, (failures, dice) => {
        const waitMs = backOffMs(failures, dice);
        return waitMs >= FIRST_BACK_OFF_MS / 2 && waitMs <= LONGEST_BACK_OFF_MS;
      }),
    );
  });
});
