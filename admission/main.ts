import { hostname } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { systemClock } from "../core/base/clock.ts";
import { type Closable, runUntilStopped } from "../core/base/lifecycle.ts";
import { createLog, type Log } from "../core/base/log.ts";
import { startTracing } from "../core/base/tracing.ts";
import { watchFolder } from "../core/cluster/watch-folder.ts";
import { createEventSink, type EventSink } from "../core/events/sink.ts";
import { trivyEnvironment } from "../scanner/environment.ts";
import { openScanStore } from "../scanner/store.ts";
import { type ScanTarget, scanWithTrivy } from "../scanner/trivy.ts";
import { type AdmissionConfig, readAdmissionConfig } from "./config.ts";
import { createDoors } from "./https/doors.ts";
import { createServing } from "./https/tls.ts";
import { createImageSource, type ImageSourceOptions } from "./images.ts";
import { type Policies, type PolicyChange, watchPolicies } from "./policies.ts";
import { openDecisionLog } from "./record/decision-log.ts";
import { addEvidenceMetrics } from "./record/evidence-metrics.ts";
import { createMetrics } from "./record/observe.ts";
import { createRego } from "./rego/rego.ts";
import { createBackgroundScans } from "./scans.ts";
import { startAdminServer, startReviewServer } from "./server.ts";

/** `outrider admission --config FILE`: runs the webhook until it is told to stop. */
export async function main(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { config: { type: "string" } } });
  const config = readAdmissionConfig(values.config ?? "");
  const log = createLog("admission");
  await runUntilStopped(log, (opened) => startAdmission(config, log, opened));
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
  const policies = keep(policiesFor(config, log, events));
  const tracing = keep(await startTracing({ component: "admission", instance, url: config.collector }));
  const decisions = keep(openDecisionLog(join(config.stateDir, "decisions.log")));
  const serving = keep(createServing({ ...config, clock: systemClock, log }, (next) => server?.serve(next)));
  const metrics = createMetrics(() => (serving.current().notAfterMs - systemClock()) / 1000);
  const sources = {
    images: keep(createImageSource({ ...config, ...scansFor(config, log, keep) })),
    rego: keep(createRego()),
  };
  addEvidenceMetrics(metrics.registry, () => sources.images.stats);
  const gate = {
    policies: policies.current,
    namespaceLabels: namespacesFor(config, log, keep),
    sources,
    clock: systemClock,
    ...(config.sidecar === undefined ? {} : { sidecarImage: config.sidecar.image }),
    ...(config.sidecar?.verify === false ? { trustedImage: config.sidecar.image } : {}),
  };
  const doors = createDoors({ gate, witnesses: { log, metrics, tracing, decisions, events } });
  const notReady = () => (policies.lastError() === undefined ? [] : [`policies: ${policies.lastError()?.message}`]);
  const server = keep(
    await startReviewServer({ listen: config.listen, certificate: serving.current(), doors, metrics, notReady }),
  );
  const admin = keep(await startAdminServer(config.admin.listen, { metrics, notReady }));
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

function policiesFor(config: AdmissionConfig, log: Log, events: Events): Policies {
  const told = ({ policies }: PolicyChange) => {
    const names = policies.map(({ metadata }) => metadata.name).join(", ");
    log.info({ policies: names }, "policies changed");
    events.emit({
      kind: "policy-change",
      atMs: systemClock(),
      from: "admission",
      subject: "ImagePolicy",
      outcome: "applied",
      message: `${policies.length} image policies in force: ${names}`,
      severity: "info",
      attributes: {},
    });
  };
  const policies = watchPolicies(config.policies.folder, told, (err) =>
    log.error({ err }, "policies not read; the last good ones stay in force"),
  );
  if (policies.current().length === 0)
    log.warn({ folder: config.policies.folder }, "no ImagePolicy: every image is refused");
  return policies;
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

/** Labels of namespaces from the cluster's folder; without one, no namespace has any. */
function namespacesFor(config: AdmissionConfig, log: Log, keep: (closable: Closable) => void) {
  if (config.cluster === undefined) return () => ({});
  const onError = (err: Error) => log.error({ err }, "manifests not read; the last good ones stay in force");
  const watched = watchFolder(config.cluster.folder, { onError }, () => {});
  keep(watched);
  return (namespace: string): Readonly<Record<string, string>> =>
    watched.current().namespaces.find(({ metadata }) => metadata.name === namespace)?.metadata.labels ?? {};
}
