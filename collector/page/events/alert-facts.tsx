import type { ComponentChildren, JSX } from "preact";
import type { AlertView } from "../../overview.ts";
import { duration, percent, shorten, times } from "../format.ts";
import { TraceLink } from "../traces/trace-link.tsx";
import type { TraceStore } from "../traces/trace-store.ts";

interface FactsProps {
  readonly alert: AlertView;
  readonly timeScale: number;
  readonly traces: TraceStore;
}

/** How fast, how long still, where from, an example, and what to do. */
export function AlertFacts({ alert, timeScale, traces }: FactsProps): JSX.Element {
  return (
    <dl class="facts">
      <Fact name="burn rate">
        {times(alert.burnRate)} (threshold {times(alert.threshold)})
      </Fact>
      <Fact name="budget gone in">{exhaustion(alert, timeScale)}</Fact>
      <Fact name="top contributor">{contributor(alert)}</Fact>
      {alert.exemplarTraceId === null ? null : (
        <Fact name="exemplar">
          <TraceLink traceId={alert.exemplarTraceId} traces={traces} />
        </Fact>
      )}
      <Fact name="runbook">
        <Runbook place={alert.runbook} />
      </Fact>
    </dl>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function exhaustion({ exhaustedInMs }: AlertView, timeScale: number): string {
  if (exhaustedInMs === null) return "not at this rate";
  if (exhaustedInMs <= 0) return "spent";
  const scaled = duration(exhaustedInMs * timeScale);
  return timeScale === 1 ? scaled : `${scaled} (${duration(exhaustedInMs)} on this clock)`;
}

const VALUE_LENGTH = 60;

function contributor({ topContributor }: AlertView): string {
  if (topContributor === null) return "none stands out";
  const { dimension, value, share } = topContributor;
  return `${dimension} ${shorten(value, VALUE_LENGTH)}, ${percent(share)} of the errors`;
}

/** Only a web address becomes a link: the text comes from telemetry, and `javascript:` is an address too. */
function Runbook({ place }: { readonly place: string }): JSX.Element {
  if (!/^https?:\/\//.test(place)) return <code title={place}>{place}</code>;
  return (
    <a href={place} target="_blank" rel="noreferrer noopener" title={place}>
      {shorten(place, VALUE_LENGTH)}
    </a>
  );
}
