import type { JSX } from "preact";
import { useRef } from "preact/hooks";
import type { Overview } from "../overview.ts";
import { Alerts } from "./events/alerts.tsx";
import { Events } from "./events/events.tsx";
import { Header } from "./header.tsx";
import { Instances } from "./instances.tsx";
import { EdgeWindow } from "./map/edge-window.ts";
import { ServiceMap } from "./map/service-map.tsx";
import { Panel } from "./panel.tsx";
import { SloTable } from "./slo/slo-table.tsx";
import { StaleBanner } from "./stale-banner.tsx";
import { useTraces } from "./traces/trace-store.ts";
import { Traces } from "./traces/traces.tsx";
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
  const store = useTraces(overview.traces);
  const edgeWindow = useRef(new EdgeWindow());
  const edges = edgeWindow.current.recent(overview);
  return (
    <main class="screen">
      <Alerts alerts={overview.alerts} timeScale={overview.timeScale} nowMs={nowMs} traces={store} />
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
        <Panel title="Recent traces" testid="traces" count={store.traces.length}>
          <Traces store={store} nowMs={nowMs} />
        </Panel>
        <Panel title="Decisions and events" testid="events" count={overview.events.length}>
          <Events events={overview.events} nowMs={nowMs} traces={store} />
        </Panel>
      </div>
    </main>
  );
}
