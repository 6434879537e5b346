import { hostname } from "node:os";
import { join } from "node:path";
import { systemClock } from "../core/base/clock.ts";
import { configFlag } from "../core/base/config-flag.ts";
import { type Closable, runUntilStopped, STOP_DEADLINE_MS } from "../core/base/lifecycle.ts";
import { createLog, type Log } from "../core/base/log.ts";
import { startTracing } from "../core/base/tracing.ts";
import { createEventSink, type EventSink } from "../core/events/sink.ts";
import { trivyEnvironment } from "../scanner/environment.ts";
import { openScanStore } from "../scanner/store.ts";
import { type ScanTarget, scanWithTrivy } from "../scanner/trivy.ts";
import { type AdmissionConfig, readAdmissionConfig } from "./config.ts";
import type { GateDeps } from "./gate.ts";
import { LONGEST_TIMEOUT_MS } from "./https/deadline.ts";
import { createDoors } from "./https/doors.ts";
import { openClusterView } from "./kubernetes/cluster-view.ts";
import { logOptions } from "./record/audit-config.ts";
import { addAuditMetrics, auditProblems, tellOf } from "./record/audit-metrics.ts";
import { addClusterMetrics } from "./record/cluster-metrics.ts";
import { openDecisionLog } from "./record/decision-log.ts";
import { addEvidenceMetrics } from "./record/evidence-metrics.ts";
import { createMetrics } from "./record/observe.ts";
import { openRegistryAccess } from "./registries/access.ts";
import { createRego } from "./rego/rego.ts";
import { type ReviewServer, startAdminServer, startReviewServer } from "./server.ts";
import { createImageSource, type ImageSourceOptions } from "./sources/images.ts";
import { createBackgroundScans } from "./sources/scans.ts";

/** `outrider admission --config FILE`: runs the webhook until it is told to stop. */
export async function main(args: readonly string[]): Promise<void> {
  const config = readAdmissionConfig(configFlag("admission", args));
  const log = createLog("admission");
  const stopWithinMs = Math.max(STOP_DEADLINE_MS, config.drain + LONGEST_TIMEOUT_MS);
  await runUntilStopped(log, (opened) => startAdmission(config, log, opened), stopWithinMs);
}

/**
 * Opens the webhook: what it decides by first, what it tells next, its doors last, so that it never answers before
 * its policies are read.
 *
 * @returns its addresses by name
 */
export async function startAdmission(
  config: AdmissionConfig,
  log: Log,
  opened: (closable: Closable) => void,
): Promise<Readonly<Record<string, string>>> {
  const keep = <T extends Closable>(closable: T): T => {
    opened(closable);
    return closable;
  };
  const instance = `${hostname()}-${config.listen.host}:${config.listen.port}`; // the same after a restart
  const events = keep(eventsFor(config, instance, log));
  const view = keep(await openClusterView({ config, instance, log, events }));
  const tracing = keep(await startTracing({ component: "admission", instance, url: config.collector }));
  const decisions = keep(
    openDecisionLog(join(config.stateDir, "decisions.log"), logOptions(config.audit, tellOf(log))),
  );
  let server: ReviewServer | undefined;
  const serving = keep(await view.serve((next) => server?.serve(next)));
  const metrics = createMetrics(() => (serving.current().notAfterMs - systemClock()) / 1000);
  const access = openRegistryAccess({ ...config, env: process.env, log }, keep);
  const sources = {
    images: keep(createImageSource({ ...config, ...access, ...scansFor(config, log, keep) })),
    rego: keep(createRego()),
  };
  addAuditMetrics(metrics.registry, () => decisions.status());
  if (view.health !== undefined) addClusterMetrics(metrics.registry, view.health);
  addEvidenceMetrics(metrics.registry, () => sources.images.stats);
  const gate: GateDeps = {
    policies: view.policies,
    namespaceLabels: view.namespaceLabels,
    ...(view.running === undefined ? {} : { running: view.running }),
    sources,
    clock: systemClock,
    ...(config.sidecar === undefined ? {} : { sidecarImage: config.sidecar.image }),
    ...(config.sidecar?.verify === false ? { trustedImage: config.sidecar.image } : {}),
  };
  const prepare = view.prepare === undefined ? {} : { prepare: view.prepare };
  const { whenUnwritable } = config.audit;
  const doors = createDoors({
    gate,
    ...prepare,
    whenUnwritable,
    witnesses: { log, metrics, tracing, decisions, events },
  });
  const unwritable = () => auditProblems(decisions.status(), whenUnwritable);
  const notReady = () => [
    ...view.notReady(),
    ...unwritable(),
    ...(server?.notReady() ?? ["webhook: not listening yet"]),
  ];
  const admin = keep(await startAdminServer(config.admin.listen, { metrics, notReady }));
  const listening = { listen: config.listen, certificate: serving.current(), doors, metrics, notReady };
  server = keep(await startReviewServer({ ...listening, callers: config.tls, drainMs: config.drain }));
  view.begin?.();
  return { webhook: `https://${server.address}`, admin: `http://${admin.address}` };
}

type Events = Pick<EventSink, "emit" | "close">;

function eventsFor({ collector }: AdmissionConfig, instance: string, log: Log): Events {
  if (collector === undefined) return { emit: () => {}, close: () => Promise.resolve() };
  const resource = {
    "service.name": "outrider-admission",
    "outrider.component": "admission",
    "service.instance.id": instance,
  };
  return createEventSink({ url: collector, resource, log });
}

/** Our own scans, where a store is configured, and new ones, where trivy is. */
function scansFor(
  { scanStore, trivy, registries }: AdmissionConfig,
  log: Log,
  keep: <T extends Closable>(closable: T) => T,
): Pick<ImageSourceOptions, "ownScan" | "wantScan"> {
  if (scanStore === undefined) return {};
  const store = keep(openScanStore(scanStore));
  const ownScan: ImageSourceOptions["ownScan"] = async (digest) => store.newest(digest);
  if (trivy === undefined) return { ownScan };
  const { path, cacheDir, offline } = trivy;
  const own = cacheDir === undefined ? {} : { cacheDir };
  const options = { binary: path, offline, ...own, env: trivyEnvironment(process.env), clock: systemClock };
  const scan = (target: ScanTarget, signal: AbortSignal) => scanWithTrivy(target, options, signal);
  const scans = keep(createBackgroundScans({ store, scan, registries, clock: systemClock, log }));
  return { ownScan, wantScan: scans.want };
}
