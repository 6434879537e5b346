import { systemClock } from "../core/base/clock.ts";
import type { Closable } from "../core/base/lifecycle.ts";
import type { Log } from "../core/base/log.ts";
import { Collector, SHORTEST_TICK_MS, TICK_MS } from "./collector.ts";
import type { CollectorConfig } from "./config.ts";
import { Intake } from "./receive/intake.ts";
import { createPressureGauge } from "./receive/pressure.ts";
import { receive } from "./receive/receiver.ts";
import { readObjectives, watchObjectives } from "./slo/objectives-source.ts";
import { lockState } from "./state/lock.ts";
import { buildOverview } from "./web/build-overview.ts";
import { listen } from "./web/listen.ts";
import { LiveFeed } from "./web/live.ts";
import { serveWeb } from "./web/web.ts";

/** Starts everything; what must be closed is handed to `opened` in order. @returns addresses by name */
export async function startCollector(
  config: CollectorConfig,
  log: Log,
  opened: (closable: Closable) => void,
): Promise<Readonly<Record<string, string>>> {
  const { stateDir, slo, instanceTimeout } = config;
  const objectives = readObjectives(config);
  const options = { stateDir, objectives, timeScale: slo.timeScale, instanceTimeoutMs: instanceTimeout, log };
  opened(await lockState(stateDir));
  const collector = await Collector.open(options);
  opened(collector);
  opened(watchObjectives(config, log, (changed) => collector.replaceObjectives(changed)));
  opened(ticking(collector, Math.min(TICK_MS / slo.timeScale, instanceTimeout / 3), log));
  const otlp = await listenOtlp(config, collector, log);
  opened(otlp);
  const live = new LiveFeed(() => buildOverview(collector.parts, collector.alerts, systemClock()));
  opened(live);
  const deps = { collector, live, clock: systemClock };
  const web = await listen("collector web", config.web.listen, (q, r) => serveWeb(q, r, deps), log);
  opened(web);
  return { otlp: otlp.address, web: web.address, page: `http://${web.address}/` };
}

function listenOtlp(config: CollectorConfig, collector: Collector, log: Log) {
  const { balance } = collector;
  const isUnderPressure = createPressureGauge();
  const deps = { accept: collector.accept.bind(collector), isUnderPressure, balance, intake: new Intake(), log };
  return listen("collector otlp", config.otlp.listen, (q, r) => receive(q, r, deps), log);
}

/** Ticks one after the other, never two at once. */
function ticking(collector: Collector, wantedMs: number, log: Log): Closable {
  let busy = false;
  const timer = setInterval(
    async () => {
      if (busy) return;
      busy = true;
      await collector.tick().catch((err) => log.error({ err }, "state not saved"));
      busy = false;
    },
    Math.max(SHORTEST_TICK_MS, wantedMs),
  );
  return { close: () => clearInterval(timer) };
}
