import type { JSX } from "preact";
import type { AlertView } from "../overview.ts";
import { ago, clock, duration, percent, shorten, times } from "./format.ts";
import { Empty, Panel } from "./panel.tsx";
import { activeAlerts } from "./state.ts";
import { TraceLink } from "./trace-link.tsx";

interface AlertsProps {
  readonly alerts: readonly AlertView[];
  readonly timeScale: number;
  readonly nowMs: number;
  readonly known: ReadonlySet<string>;
  readonly onTrace: (traceId: string) => void;
}

/** Every alert that is not at rest, worst first, with what a person needs to act on it. */
export function Alerts(props: AlertsProps): JSX.Element {
  const active = activeAlerts(props.alerts);
  const watched = props.alerts.length;
  return (
    <Panel title="Alerts" testid="alerts" count={active.length}>
      {active.length === 0 ? (
        <Empty>
          {watched === 0 ? "No alert is defined." : `Quiet: ${watched} burn-rate alerts watch, none is active.`}
        </Empty>
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

function AlertCard({
  alert,
  timeScale,
  nowMs,
  known,
  onTrace,
}: AlertsProps & { readonly alert: AlertView }): JSX.Element {
  const { state, severity, service, namespace, exemplarTraceId } = alert;
  return (
    <li class={`alert alert-${state} severity-${severity}`} data-testid="alert" data-state={state}>
      <div class="alert-head">
        <span class={`badge badge-${state}`}>{state}</span>
        <strong class="truncate" title={`${namespace}/${service}`}>
          {service}
        </strong>
        <span class="truncate muted" title={alert.slo}>
          {alert.slo} · {alert.alert}
        </span>
        <span class="chip">{severity}</span>
        <span class="muted since" title={clock(alert.sinceMs)}>
          since {clock(alert.sinceMs)}, {ago(alert.sinceMs, nowMs)}
        </span>
      </div>
      <p class="alert-message">{alert.message}</p>
      <dl class="facts">
        <Fact name="burn rate" value={`${times(alert.burnRate)} (threshold ${times(alert.threshold)})`} />
        <Fact name="budget gone in" value={exhaustion(alert, timeScale)} />
        <Fact name="top contributor" value={contributor(alert)} />
        {exemplarTraceId === null ? null : (
          <div>
            <dt>exemplar</dt>
            <dd>
              <TraceLink traceId={exemplarTraceId} known={known.has(exemplarTraceId)} onTrace={onTrace} />
            </dd>
          </div>
        )}
        <div>
          <dt>runbook</dt>
          <dd>
            <Runbook place={alert.runbook} />
          </dd>
        </div>
      </dl>
    </li>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd title={value}>{value}</dd>
    </div>
  );
}

function exhaustion({ exhaustedInMs }: AlertView, timeScale: number): string {
  if (exhaustedInMs === null) return "not at this rate";
  if (exhaustedInMs <= 0) return "spent";
  const scaled = duration(exhaustedInMs * timeScale);
  return timeScale === 1 ? scaled : `${scaled} (${duration(exhaustedInMs)} here)`;
}

function contributor({ topContributor }: AlertView): string {
  if (topContributor === null) return "none stands out";
  const { dimension, value, share } = topContributor;
  return `${dimension} ${shorten(value, 60)}, ${percent(share)} of the errors`;
}

/** Only a web address becomes a link: the text comes from telemetry, and `javascript:` is an address too. */
function Runbook({ place }: { readonly place: string }): JSX.Element {
  if (!/^https?:\/\//.test(place)) return <code title={place}>{place}</code>;
  return (
    <a href={place} target="_blank" rel="noreferrer noopener">
      {shorten(place, 60)}
    </a>
  );
}
