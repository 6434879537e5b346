import type { JSX } from "preact";
import type { SloView } from "../../overview.ts";
import { times } from "../format.ts";
import { type BurnWindow, passed, thresholdsOf } from "./burn-windows.ts";

/** A burn rate with the threshold it passed, or the lowest of the alerts that look at its window. */
export function BurnCell({ window, slo }: { readonly window: BurnWindow; readonly slo: SloView }): JSX.Element {
  const rate = slo.burnRates[window.window];
  const thresholds = thresholdsOf(window, slo);
  const over = passed(rate, thresholds);
  const level = over === undefined ? "ok" : over.severity === "page" ? "bad" : "warn";
  const limits = thresholds.map(({ severity, factor }) => `${severity} at ${times(factor)}`).join(", ");
  return (
    <td
      class={`number burn level-${level}`}
      title={`burn rate over ${window.window}: ${limits}`}
      data-testid="burn"
      data-window={window.window}
    >
      <span class="burn-rate">{times(rate)}</span>
      <div class="muted small">of {times((over ?? thresholds[0])?.factor)}</div>
    </td>
  );
}
