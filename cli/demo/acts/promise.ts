import type { AlertView } from "../../../collector/overview.ts";
import { ask, pause, until } from "../client.ts";
import { TIME_SCALE } from "../layout.ts";
import type { Stage } from "../stage.ts";
import { startTraffic } from "../traffic.ts";
import type { Finding } from "../verdicts.ts";
import { overview } from "./overview.ts";

/** Share of payments' answers that fail while the fault is on. */
const FAULT_SHARE = 0.5;
/** Longest wait for the alert to fire and, after the repair, to resolve, in milliseconds. */
const FIRE_DEADLINE_MS = 10_000;
const RESOLVE_DEADLINE_MS = 15_000;
/** Requests of one wave while the act runs, and the pause between waves in milliseconds. */
const WAVE = { count: 12, concurrency: 4, method: "POST", path: "/pay" } as const;
const WAVE_PAUSE_MS = 100;

/** A fault burns the budget until the page fires, and its repair lets it resolve. */
export async function promiseAct(stage: Stage): Promise<void> {
  stage.transcript.act(
    "Promise",
    `payments: 99.9 % over 30 days; windows run ${TIME_SCALE} times faster (1 h in ${3600 / TIME_SCALE} s)`,
  );
  const traffic = startTraffic(() => stage.call("batch", "web", WAVE), WAVE_PAUSE_MS);
  try {
    await stage.judge("alert pending → firing → resolved", () => alertLives(stage));
  } finally {
    await traffic.stop();
  }
}

async function alertLives(stage: Stage): Promise<Finding> {
  await pause(1_000);
  if (!stage.broken.has("skip-fault")) await setFault(stage, FAULT_SHARE);
  const fired = await until(() => alertIn(stage, "firing"), stage.broken.has("skip-fault") ? 2_000 : FIRE_DEADLINE_MS);
  await setFault(stage, 0);
  if (fired === undefined) return { ok: false, got: "the page did not fire" };
  stage.transcript.quote(fired.message);
  const resolved = await until(() => alertIn(stage, "resolved"), RESOLVE_DEADLINE_MS);
  const seen = await statesSeen(stage, fired);
  const missing = unexplained(fired);
  const ok = resolved !== undefined && seen === "pending → firing → resolved" && missing.length === 0;
  return {
    ok,
    got:
      missing.length === 0 ? `${seen}; burn ${fired.burnRate?.toFixed(0)}×` : `${seen}; without ${missing.join(", ")}`,
  };
}

/** The fast-burn page of payments in a state, from the events too: a state may be shorter than a look. */
async function alertIn(stage: Stage, state: AlertView["state"]): Promise<AlertView | undefined> {
  const { alerts } = await overview(stage);
  return alerts.find((alert) => alert.service === "payments" && isFastBurn(alert.alert) && alert.state === state);
}

const isFastBurn = (alert: string): boolean => alert.includes("1h/5m");

/** The states in the order the alert's own events tell them. */
async function statesSeen(stage: Stage, alert: AlertView): Promise<string> {
  const { events } = await overview(stage);
  const own = events.filter(
    (event) =>
      event.kind === "alert" &&
      event.service === alert.service &&
      isFastBurn(event.attributes["alert"] ?? event.message),
  );
  return own
    .map((event) => event.outcome)
    .toReversed()
    .join(" → ");
}

/** What a person on call would miss in the alert. */
function unexplained(alert: AlertView): string[] {
  const facts = {
    "burn rate": alert.burnRate,
    "time to exhaustion": alert.exhaustedInMs,
    "top contributor": alert.topContributor,
    runbook: alert.runbook,
  };
  return Object.entries(facts).flatMap(([name, value]) => (value === null || value === "" ? [name] : []));
}

const setFault = (stage: Stage, share: number) =>
  ask(`${stage.control("payments")}/fault?share=${share}`, { method: "POST" });
