import { type Clock, systemClock } from "../../core/base/clock.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { Log } from "../../core/base/log.ts";
import { watchFolder } from "../../core/cluster/watch-folder.ts";
import type { EventSink } from "../../core/events/sink.ts";
import type { Digest } from "../../core/policy/evidence.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import type { AdmissionConfig } from "../config.ts";
import type { Prepare } from "../https/doors.ts";
import { createServing, type ServingCertificate } from "../https/tls.ts";
import { type PolicyChange, watchPolicies } from "../sources/policies.ts";

/** What the gate knows of its cluster, from folders or from an API server. */
export interface ClusterView extends Closable {
  policies(): readonly ImagePolicy[];
  /** `undefined` for a namespace that is not known, which is not the same as one without labels. */
  namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined;
  /** Finds out what one review is decided by; absent where everything is known. */
  readonly prepare?: Prepare;
  /** Digests that run in a namespace now. */
  readonly running?: (namespace: string) => ReadonlySet<Digest>;
  /** Why the gate may not decide yet. */
  notReady(): readonly string[];
  /** The certificate to serve with, and each next one. */
  serve(onRenewed: (next: ServingCertificate) => void): Promise<{ current(): ServingCertificate } & Closable>;
  /** For its metrics; absent where there is no API server. */
  readonly health?: () => ClusterHealth;
  /** Called once the gate answers. */
  readonly begin?: () => void;
}

export interface ClusterHealth {
  /** What is watched, and whether it can be now. */
  readonly up: Readonly<Record<"policies" | "namespaces" | "pods", boolean>>;
  readonly leads: boolean;
}

export interface ClusterViewOptions {
  readonly config: AdmissionConfig;
  /** This replica's own name, the same after a restart. */
  readonly instance: string;
  readonly log: Log;
  readonly events: Pick<EventSink, "emit">;
  readonly clock?: Clock;
}

/** @throws {CodedError} when a folder cannot be read, or the API server not be asked */
export async function openClusterView(options: ClusterViewOptions): Promise<ClusterView> {
  const { config } = options;
  if (config.kubernetes === undefined) return openFolders(options);
  const { openClusterApi } = await import("./cluster-api.ts");
  return openClusterApi({ ...options, onPolicies: toldOf(options) }, config.kubernetes);
}

function openFolders({ config, log, events, clock = systemClock }: ClusterViewOptions): ClusterView {
  const folder = config.policies?.folder ?? "";
  const policies = watchPolicies(folder, toldOf({ log, events }), (err) =>
    log.error({ err }, "policies not read; the last good ones stay in force"),
  );
  if (policies.current().length === 0) log.warn({ folder }, "no ImagePolicy: every image is refused");
  const namespaces = namespacesOf(config, log);
  return {
    policies: policies.current,
    namespaceLabels: namespaces.labels,
    notReady: () => (policies.lastError() === undefined ? [] : [`policies: ${policies.lastError()?.message}`]),
    serve: async (onRenewed) => createServing({ ...config, clock, log }, onRenewed),
    close: async () => {
      namespaces.close();
      await policies.close();
    },
  };
}

function toldOf({ log, events }: Pick<ClusterViewOptions, "log" | "events">) {
  return ({ policies }: PolicyChange) => {
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
}

/** Labels of namespaces from the cluster's folder; without one, no namespace has any. */
function namespacesOf({ cluster }: AdmissionConfig, log: Log) {
  if (cluster === undefined) return { labels: () => ({}), close: () => {} };
  const onError = (err: Error) => log.error({ err }, "manifests not read; the last good ones stay in force");
  const watched = watchFolder(cluster.folder, { onError }, () => {});
  const labels = (namespace: string): Readonly<Record<string, string>> | undefined => {
    const found = watched.current().namespaces.find(({ metadata }) => metadata.name === namespace);
    return found === undefined ? undefined : (found.metadata.labels ?? {});
  };
  return { labels, close: () => watched.close() };
}
