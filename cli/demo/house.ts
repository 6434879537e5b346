import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "../../core/base/errors.ts";
import type { HostPort } from "../../core/base/host-port.ts";
import type { Supplies } from "./acts/supply.ts";
import { claimBlock } from "./block.ts";
import { type Layout, layoutOf, NAMESPACE, podName, podUid, WORKLOADS, type WorkloadName } from "./layout.ts";
import { admissionPart, appPart, collectorPart, meshPart, sidecarPart, tokenFile } from "./parts.ts";
import { type EmbeddedRegistry, startRegistry } from "./registry/registry.ts";
import type { Broken } from "./sabotage.ts";
import { applyToManifests } from "./sabotage-manifests.ts";
import { Stage } from "./stage.ts";
import { createSupervisor, type Supervisor } from "./supervisor.ts";
import { createTokenIssuer, type TokenIssuer } from "./tokens.ts";
import { startTraffic, type Traffic } from "./traffic.ts";
import type { Transcript } from "./transcript.ts";
import type { VerdictBook } from "./verdicts.ts";
import { createWorkspace } from "./workspace.ts";

/** Time between two rounds of traffic while the demo stays up, in milliseconds. */
const STAY_TRAFFIC_PAUSE_MS = 500;
/** How often the pods' tokens are written anew while the demo stays up: before they end, in milliseconds. */
const TOKEN_REFRESH_MS = 4 * 60_000;

/** Everything one demo run opened: its addresses, its folder, its registry and its processes. */
export interface House {
  readonly stage: Stage;
  readonly registry: EmbeddedRegistry;
  startGate(supplies: Supplies): Promise<void>;
  startMesh(): Promise<void>;
  applyFreeze(): void;
  announce(): void;
  keepTraffic(): Traffic;
  close(): Promise<void>;
}

/** Claims addresses and a folder, opens the registry, and starts the control plane and the collector. */
export async function openHouse(broken: Broken, transcript: Transcript, book: VerdictBook): Promise<House> {
  const opened = new AsyncDisposableStack();
  try {
    return await furnish(opened, broken, transcript, book);
  } catch (thrown) {
    await opened.disposeAsync();
    throw thrown;
  }
}

async function furnish(
  opened: AsyncDisposableStack,
  broken: Broken,
  transcript: Transcript,
  book: VerdictBook,
): Promise<House> {
  const block = opened.adopt(await claimBlock(), ({ release }) => release());
  const workspace = opened.adopt(createWorkspace(block.prefix), ({ remove }) => remove());
  const layout = layoutOf(block, workspace.folder);
  applyToManifests(layout, broken);
  await keepTokens(opened, layout, broken, transcript);
  const registry = opened.adopt(await startRegistry(hostPortOf(layout.registry)), (it) => it.close());
  const supervisor = createSupervisor(join(layout.folder, "logs"), ({ name, what, pid }) =>
    transcript.say(`${name} ${what} (pid ${pid})`),
  );
  opened.defer(() => supervisor.stopAll());
  const core = Promise.all([supervisor.start(collectorPart(layout)), supervisor.start(meshPart(layout, broken))]);
  core.catch(() => {});
  const stage = new Stage({ layout, transcript, supervisor, book, broken });
  return {
    stage,
    registry,
    startGate: ({ images }) => supervisor.start(admissionPart(layout, images.sidecar)),
    startMesh: async () => {
      await core;
      const parts = WORKLOADS.flatMap((name) => [sidecarPart(layout, name), appPart(layout, name, broken)]);
      await Promise.all(parts.map((part) => supervisor.start(part)));
    },
    applyFreeze: () => {
      if (broken.has("freeze-mesh")) supervisor.freeze("mesh");
      if (broken.has("freeze-collector")) supervisor.freeze("collector");
    },
    announce: () => announce(transcript, supervisor, layout),
    keepTraffic: () => keepTraffic(stage),
    close: () => opened.disposeAsync(),
  };
}

/** The pods' tokens, written anew before they end. */
async function keepTokens(
  opened: AsyncDisposableStack,
  layout: Layout,
  broken: Broken,
  transcript: Transcript,
): Promise<void> {
  const issuer = await createTokenIssuer(join(layout.folder, "jwks.json"));
  await writeTokens(layout, issuer, broken);
  const refresh = () =>
    writeTokens(layout, issuer, broken).catch((thrown) => transcript.say(`tokens not renewed: ${messageOf(thrown)}`));
  const timer = setInterval(refresh, TOKEN_REFRESH_MS).unref();
  opened.defer(() => clearInterval(timer));
}

function hostPortOf(text: string): HostPort {
  const [host = "", port = ""] = text.split(":");
  return { host, port: Number(port) };
}

/** One projected token a pod; `rename-account` has checkout run under another account. */
async function writeTokens(layout: Layout, issuer: TokenIssuer, broken: Broken): Promise<void> {
  for (const name of WORKLOADS) {
    const subject = {
      namespace: NAMESPACE,
      serviceAccount: accountOf(name, broken),
      pod: podName(name),
      podUid: podUid(name),
    };
    writeFileSync(tokenFile(layout, name), await issuer.issue(subject), { mode: 0o600 });
  }
}

function accountOf(name: WorkloadName, broken: Broken): string {
  if (name === "checkout" && broken.has("rename-account")) return "other";
  return name === "checkout" || name === "batch" ? "worker" : name;
}

function announce(transcript: Transcript, supervisor: Supervisor, layout: Layout): void {
  transcript.act("Staying up", "Ctrl-C ends it");
  transcript.say(`page        http://${layout.web}/`);
  transcript.say(
    `metrics     http://${layout.web}/metrics  http://${layout.meshAdmin}/metrics  http://${layout.webhookAdmin}/metrics`,
  );
  for (const name of WORKLOADS) transcript.say(`sidecar     http://${layout.address[name]}:15020/metrics  (${name})`);
  transcript.say(`webhook     https://${layout.webhook}/  (CA ${layout.webhookCa})`);
  transcript.say(`registry    http://${layout.registry}/v2/`);
  transcript.say(`dashboards  ${join(layout.folder, "dashboards")}`);
  transcript.say(`manifests   ${layout.manifests}`);
  const parts = ["admission", "collector", "mesh", ...WORKLOADS.map((name) => `sidecar-${name}`)];
  transcript.say(`processes   ${parts.map((name) => `${name} ${supervisor.pid(name)}`).join("  ")}`);
}

/** A little traffic, so that the page has something to show. */
function keepTraffic(stage: Stage): Traffic {
  const plan = { method: "POST", path: "/pay" } as const;
  return startTraffic(async () => {
    await stage.call("batch", "web", { ...plan, count: 5, concurrency: 2 });
    await stage.call("batch", "payments", plan);
  }, STAY_TRAFFIC_PAUSE_MS);
}
