import { Fragment, type JSX } from "preact";
import { useState } from "preact/hooks";
import type { Overview, SloView } from "../../overview.ts";
import { ago, duration, number, objective, percent } from "../format.ts";
import { Empty } from "../panel.tsx";
import { toggled } from "../toggle.ts";
import { BudgetBar } from "./budget-bar.tsx";
import { BurnCell } from "./burn-cell.tsx";
import { BurnDown } from "./burn-down.tsx";
import { WINDOWS } from "./burn-windows.ts";

const COLUMNS = 4 + WINDOWS.length;
const SPARK_HEIGHT = 34;
const CHART_HEIGHT = 170;

/** Least budget first; a row opens to its burn-down chart. */
export function SloTable({ overview, nowMs }: { readonly overview: Overview; readonly nowMs: number }): JSX.Element {
  const slos = overview.slos.toSorted((a, b) => remaining(a) - remaining(b) || (keyOf(a) < keyOf(b) ? -1 : 1));
  const [switched, setSwitched] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string): void => setSwitched((keys) => toggled(keys, key));
  if (slos.length === 0) {
    return (
      <Empty>
        No objective is defined. Add an OpenSLO file, or annotate a Service with slo.outrider.dev/availability.
      </Empty>
    );
  }
  const alone = slos.length === 1;
  return (
    <div class="scroll">
      <table class="slos">
        <thead>
          <tr>
            <th scope="col">Service</th>
            <th scope="col">Objective</th>
            <th scope="col">Budget remaining</th>
            <th scope="col" class="spark-head">
              Burn-down
            </th>
            {WINDOWS.map(({ window }) => (
              <th scope="col" key={window} class="number" title={`burn rate over ${window}`}>
                {window}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {slos.map((slo) => {
            const key = keyOf(slo);
            const open = switched.has(key) !== alone;
            return (
              <Fragment key={key}>
                <SloRow slo={slo} open={open} onToggle={() => toggle(key)} />
                {open ? <SloDetail slo={slo} overview={overview} nowMs={nowMs} /> : null}
              </Fragment>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly slo: SloView;
  readonly open: boolean;
  readonly onToggle: () => void;
}

function SloRow({ slo, open, onToggle }: RowProps): JSX.Element {
  return (
    <tr data-testid="slo" data-slo={slo.slo}>
      <th scope="row">
        <button
          type="button"
          class="opener"
          aria-expanded={open}
          onClick={onToggle}
          title={`${slo.namespace}/${slo.service} ${slo.slo}`}
        >
          <span class="truncate">{slo.service}</span>
          <span class="truncate muted small">{slo.slo}</span>
        </button>
      </th>
      <td>
        {objective(slo.objective)}
        <div class="muted small">over {duration(slo.periodMs)}</div>
      </td>
      <td>
        <BudgetBar remaining={slo.budgetRemaining} />
      </td>
      <td class="spark">
        <BurnDown points={slo.burnDown} height={SPARK_HEIGHT} axes={false} label={`burn-down of ${slo.slo}`} />
      </td>
      {WINDOWS.map((window) => (
        <BurnCell key={window.window} window={window} slo={slo} />
      ))}
    </tr>
  );
}

function SloDetail({
  slo,
  overview,
  nowMs,
}: {
  readonly slo: SloView;
  readonly overview: Overview;
  readonly nowMs: number;
}): JSX.Element {
  return (
    <tr class="detail" data-testid="slo-detail">
      <td colSpan={COLUMNS}>
        <BurnDown
          points={slo.burnDown}
          height={CHART_HEIGHT}
          axes
          label={`error budget remaining of ${slo.slo} over time`}
        />
        <p class="muted">
          {number(slo.good, 6)} good and {number(slo.bad, 6)} bad events in the period; {percent(slo.coverage)} of its
          slices saw any. {exhaustion(slo, overview.timeScale, nowMs)}
        </p>
      </td>
    </tr>
  );
}

function exhaustion({ exhaustedAtMs, budgetRemaining }: SloView, timeScale: number, nowMs: number): string {
  if (budgetRemaining !== null && budgetRemaining <= 0) return "The budget is spent.";
  if (exhaustedAtMs === null) return "At the rate of the last hour the budget lasts its period.";
  if (exhaustedAtMs <= nowMs) return `The budget ended ${ago(exhaustedAtMs, nowMs)}.`;
  return `At the rate of the last hour the budget ends in ${duration((exhaustedAtMs - nowMs) * timeScale)}.`;
}

function remaining({ budgetRemaining }: SloView): number {
  return budgetRemaining ?? Number.POSITIVE_INFINITY;
}

function keyOf({ namespace, slo }: SloView): string {
  return JSON.stringify([namespace, slo]);
}
