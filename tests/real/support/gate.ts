import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DecisionRecord } from "../../../admission/record/decision-record.ts";
import { ROOT } from "../../support/sources.ts";
import type { Cluster } from "./api-server.ts";
import { eventually, must, ownAddress, type Program, startProgram } from "./program.ts";

const READY_MS = 30_000;

/** The service account of deploy/rbac.yaml, by the name the API server knows it by. */
export const GATE_ACCOUNT = "system:serviceaccount:outrider-system:outrider-admission";

/** Applies what deploy/ has, but for the Deployment: there is no kubelet to run it. */
export async function deploy(kubectl: string, { kubeconfig, api }: Cluster): Promise<void> {
  const apply = (...files: string[]) =>
    must(kubectl, ["--kubeconfig", kubeconfig, "apply", "--server-side", ...files.flatMap((file) => ["-f", file])]);
  const at = (name: string) => join(ROOT, "deploy", name);
  await apply(at("namespace.yaml"), at("rbac.yaml"), at("crds"));
  await eventually("our kinds to be served", READY_MS, async () => {
    await api.ask({ path: "/apis/outrider.dev/v1alpha1/imagepolicies" });
    await api.ask({ path: "/apis/outrider.dev/v1alpha1/trustroots" });
    return true;
  });
}

export interface GateOptions {
  readonly cluster: Cluster;
  /** Of this replica alone. */
  readonly folder: string;
  /** A kubeconfig of the gate's own account. */
  readonly kubeconfig: string;
  /** host:port of the registries, in plain HTTP. */
  readonly registries: readonly string[];
  /** Where the API server finds the webhook; the replica itself unless said. */
  readonly url?: string;
  /** Further configuration. */
  readonly more?: { readonly kubernetes?: object; readonly tls?: object; readonly drain?: string };
}

/** One replica of the real webhook, in its own process, that its cluster's API server calls. */
export interface Gate {
  readonly host: string;
  readonly port: number;
  readonly url: string;
  /** http://host:port with /readyz and /metrics. */
  readonly admin: string;
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Ends it at once, whatever it is doing. */
  kill(): Promise<void>;
  /** What it has decided, in order, over all its restarts. */
  decisions(): readonly DecisionRecord[];
  output(): string;
}

export function prepareGate(options: GateOptions): Gate {
  const { folder } = options;
  const [host, port] = [ownAddress(), 8443];
  const url = `https://${host}:${port}`;
  const admin = `http://${host}:9443`;
  mkdirSync(folder, { recursive: true });
  const file = join(folder, "admission.yaml");
  writeFileSync(file, JSON.stringify(configuration(options, host, url)));
  let program: Program | undefined;
  return {
    host,
    port,
    url,
    admin,
    start: async () => {
      program = startProgram(process.execPath, [join(ROOT, "dist/outrider.js"), "admission", "--config", file]);
      await program.said(/"ready"/, READY_MS);
      await eventually(`the gate to be ready`, READY_MS, async () => (await fetch(`${admin}/readyz`)).ok || undefined);
    },
    stop: async () => program?.stop(),
    kill: async () => {
      program?.child.kill("SIGKILL");
      await program?.stop();
    },
    decisions: () =>
      readFileSync(join(folder, "state/decisions.log"), "utf8")
        .split("\n")
        .filter((line) => line.includes('"uid":')) // a checkpoint has none
        .map((line) => JSON.parse(line) as DecisionRecord),
    output: () => program?.output() ?? "",
  };
}

function configuration({ cluster, kubeconfig, registries, url, more }: GateOptions, host: string, own: string): object {
  return {
    listen: `${host}:8443`,
    serverNames: [host, new URL(url ?? own).hostname],
    stateDir: "./state",
    caFile: "./webhook-ca.pem",
    admin: { listen: `${host}:9443` },
    registries: registries.map((registry) => ({ host: registry, plainHttp: true })),
    ...more,
    kubernetes: { kubeconfig, register: { url: url ?? own }, ...more?.kubernetes },
    tls: { clientCa: cluster.webhookClient.caFile, clientNames: [cluster.webhookClient.name], ...more?.tls },
  };
}

/** Waits until the webhook is registered and every policy decides. */
export async function registered({ api }: Cluster, policies: readonly string[]): Promise<void> {
  await eventually("the webhook to be registered and its policies in force", READY_MS, async () => {
    for (const kind of ["validatingwebhookconfigurations", "mutatingwebhookconfigurations"])
      await api.ask({ path: `/apis/admissionregistration.k8s.io/v1/${kind}/outrider` });
    for (const name of policies) {
      const path = `/apis/outrider.dev/v1alpha1/imagepolicies/${name}`;
      const { status } = await api.ask<{ status?: { conditions?: { type: string; status: string }[] } }>({ path });
      if (status?.conditions?.find(({ type }) => type === "Ready")?.status !== "True") return undefined;
    }
    return true;
  });
}
