import type { JSX } from "preact";
import type { AlertView } from "../../overview.ts";
import { ago, clock } from "../format.ts";
import { Empty, Panel } from "../panel.tsx";
import { activeAlerts } from "../state.ts";
import type { TraceStore } from "../traces/trace-store.ts";
import { AlertFacts } from "./alert-facts.tsx";

interface AlertsProps {
  readonly alerts: readonly AlertView[];
  readonly timeScale: number;
  readonly nowMs: number;
  readonly traces: TraceStore;
}

/** Every alert that is not at rest, worst first, with what a person needs to act on it. */
export function Alerts(props: AlertsProps): JSX.Element {
  const active = activeAlerts(props.alerts);
  return (
    <Panel title="Alerts" testid="alerts" count={active.length}>
      {active.length === 0 ? (
        <Empty>{quiet(props.alerts.length)}</Empty>
      ) : (
        <ul class="alerts">
          {active.map((alert) => (
            <AlertCard key={`${alert.namespace}/${alert.slo} ${alert.alert}`} alert={alert} {...props} />
          ))}
        </ul>
      )}
    </Panel>
  );
}

function quiet(watching: number): string {
  if (watching === 0) return "No alert is defined. Each objective brings its own.";
  return `Quiet: ${watching} burn-rate ${watching === 1 ? "alert watches" : "alerts watch"}, none is active.`;
}

function AlertCard({ alert, timeScale, nowMs, traces }: AlertsProps & { readonly alert: AlertView }): JSX.Element {
  const { state, severity, service, namespace } = alert;
  if (state === "resolved") return <Resolved alert={alert} nowMs={nowMs} />;
  const facts = <AlertFacts alert={alert} timeScale={timeScale} traces={traces} />;
  return (
    <li class={`alert alert-${state} severity-${severity}`} data-testid="alert" data-state={state}>
      <div class="alert-head">
        <span class={`badge badge-${state}`}>{state}</span>
        <strong class="truncate" title={`${namespace}/${service}`}>
          {service}
        </strong>
        <span class="truncate muted" title={`${alert.slo} · ${alert.alert}`}>
          {alert.slo} · {alert.alert}
        </span>
        <span class="chip">{severity}</span>
        <span class="muted small since">
          since {clock(alert.sinceMs)}, {ago(alert.sinceMs, nowMs)}
        </span>
      </div>
      <p class="alert-message">{alert.message}</p>
      {state === "firing" ? (
        facts
      ) : (
        <details>
          <summary>rate, budget, contributor, runbook</summary>
          {facts}
        </details>
      )}
    </li>
  );
}

/** One line: it is over, and when. */
function Resolved({ alert, nowMs }: { readonly alert: AlertView; readonly nowMs: number }): JSX.Element {
  return (
    <li class="alert alert-resolved" data-testid="alert" data-state="resolved">
      <div class="alert-head">
        <span class="badge badge-resolved">resolved</span>
        <strong class="truncate" title={`${alert.namespace}/${alert.service}`}>
          {alert.service}
        </strong>
        <span class="truncate muted" title={alert.message}>
          {alert.slo} · {alert.alert} · {alert.message}
        </span>
        <span class="muted small since">
          {clock(alert.sinceMs)}, {ago(alert.sinceMs, nowMs)}
        </span>
      </div>
    </li>
  );
}
