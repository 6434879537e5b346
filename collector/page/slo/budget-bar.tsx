import type { JSX } from "preact";
import { percent } from "../format.ts";

/** Below these shares of the budget the bar turns yellow and red. */
const LOW = 0.3;
const CRITICAL = 0.1;

export function BudgetBar({ remaining }: { readonly remaining: number | null }): JSX.Element {
  if (remaining === null) return <span class="muted">no events yet</span>;
  const level = remaining < CRITICAL ? "bad" : remaining < LOW ? "warn" : "ok";
  const share = Math.min(1, Math.max(0, remaining));
  return (
    <div class={`budget level-${level}`} data-testid="budget" data-remaining={remaining}>
      <svg class="budget-bar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
        <rect class="budget-track" width="100" height="8" rx="2" />
        <rect class="budget-fill" width={share * 100} height="8" rx="2" />
      </svg>
      <span class="budget-text">{remaining < 0 ? `overspent ${percent(-remaining)}` : percent(remaining)}</span>
    </div>
  );
}
