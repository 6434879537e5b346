import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import type { Overview, TraceView } from "../overview.ts";
import { Alerts } from "./alerts.tsx";
import { EdgeWindow } from "./edge-window.ts";
import { Events } from "./events.tsx";
import { Header } from "./header.tsx";
import { Instances } from "./instances.tsx";
import { KeptTraces, withExemplars } from "./kept-traces.ts";
import { Panel } from "./panel.tsx";
import { ServiceMap } from "./service-map.tsx";
import { SloTable } from "./slo-table.tsx";
import { StaleBanner } from "./stale-banner.tsx";
import { toggled } from "./toggle.ts";
import { Traces } from "./traces.tsx";
import { useClock, useFeed } from "./use-feed.ts";

/** The whole screen, in the order a person on call reads it: is it burning, where, what happened. */
export function App(): JSX.Element {
  const feed = useFeed();
  const clockMs = useClock();
  const silentMs = Math.max(0, clockMs - feed.receivedAtMs);
  return (
    <>
      <Header feed={feed} />
      <StaleBanner feed={feed} silentMs={silentMs} />
      {feed.overview === undefined ? (
        <main class="waiting" data-testid="waiting">
          {feed.connection === "lost" ? "No answer from the collector yet." : "Waiting for the collector…"}
        </main>
      ) : (
        <Screen overview={feed.overview} nowMs={feed.overview.atMs + silentMs} />
      )}
    </>
  );
}

function Screen({ overview, nowMs }: { readonly overview: Overview; readonly nowMs: number }): JSX.Element {
  const [openTraces, setOpenTraces] = useState<ReadonlySet<string>>(new Set());
  const traces = useKeptTraces(overview);
  const window = useRef(new EdgeWindow());
  const edges = window.current.recent(overview);
  const toggle = (traceId: string): void => setOpenTraces((open) => toggled(open, traceId));
  const show = (traceId: string): void => {
    setOpenTraces((open) => new Set(open).add(traceId));
    requestAnimationFrame(() => focusTrace(traceId));
  };
  const known = new Set(traces.map(({ traceId }) => traceId));
  return (
    <main class="screen">
      <Alerts alerts={overview.alerts} timeScale={overview.timeScale} nowMs={nowMs} known={known} onTrace={show} />
      <div class="columns map-columns">
        <Panel title="Service map" testid="service-map">
          <ServiceMap overview={overview} edges={edges} />
        </Panel>
        <Panel title="Instances" testid="instances" count={overview.instances.length}>
          <Instances instances={overview.instances} nowMs={nowMs} />
        </Panel>
      </div>
      <Panel title="Service level objectives" testid="slos" count={overview.slos.length}>
        <SloTable overview={overview} nowMs={nowMs} />
      </Panel>
      <div class="columns">
        <Panel title="Recent traces" testid="traces" count={traces.length}>
          <Traces traces={traces} nowMs={nowMs} open={openTraces} onToggle={toggle} />
        </Panel>
        <Panel title="Decisions and events" testid="events" count={overview.events.length}>
          <Events events={overview.events} nowMs={nowMs} known={known} onTrace={show} />
        </Panel>
      </div>
    </main>
  );
}

/** The newest traces, and those that alerts point to even when they are no longer among the newest. */
function useKeptTraces(overview: Overview): readonly TraceView[] {
  const kept = useRef(new KeptTraces());
  return withExemplars(overview, kept.current);
}

function focusTrace(traceId: string): void {
  const element = document.getElementById(`trace-${traceId}`);
  element?.scrollIntoView({ block: "center", behavior: "smooth" });
  element?.querySelector("button")?.focus({ preventScroll: true });
}
