import type { Clock } from "../../../base/clock.ts";

/**
 * Stops asking a registry that fails, so that reviews are refused at once instead of at their deadline, and so that a
 * registry that comes back is not run over.
 *
 *   closed     asked as ever; so many failures in a row open it
 *   open       nobody asks until a time, which doubles with each failed trial
 *   half open  that time has come: one request goes through as the trial, its outcome decides
 */
export interface Breaker {
  /** Whether a request may go; when not, until when, and the trial under way counts as a moment more. */
  enter(): { readonly kind: "go"; readonly trial: boolean } | { readonly kind: "wait"; readonly untilMs: number };
  /** A whole answer came, whatever it says. */
  succeeded(): void;
  failed(why: string): void;
  /** The trial ended without an outcome: its caller went away. */
  givenUp(): void;
  /** The last failures, in words; empty while it is closed and nothing failed. */
  readonly why: string;
}

export interface BreakerOptions {
  readonly failures: number;
  readonly openMs: number;
  readonly openLimitMs: number;
  readonly clock: Clock;
}

export function createBreaker({ failures, openMs, openLimitMs, clock }: BreakerOptions): Breaker {
  let [inARow, untilMs, nextOpenMs, trial, why] = [0, 0, openMs, false, ""];
  const open = () => {
    untilMs = clock() + nextOpenMs;
    nextOpenMs = Math.min(2 * nextOpenMs, openLimitMs);
  };
  return {
    enter: () => {
      if (inARow < failures) return { kind: "go", trial: false };
      const restMs = untilMs - clock();
      const isOpen = restMs > 0 && restMs <= openLimitMs; // longer than it ever lasts: the clock went back meanwhile
      if (trial || isOpen) return { kind: "wait", untilMs: Math.max(untilMs, clock()) };
      trial = true;
      return { kind: "go", trial: true };
    },
    succeeded: () => {
      [inARow, nextOpenMs, trial, why] = [0, openMs, false, ""];
    },
    failed: (reason) => {
      inARow++;
      why = `${inARow} failures in a row, the last one: ${reason}`;
      if (trial || inARow === failures) open();
      trial = false;
    },
    givenUp: () => {
      trial = false;
    },
    get why() {
      return why;
    },
  };
}
