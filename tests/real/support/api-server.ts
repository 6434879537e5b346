import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ApiServer } from "../../../core/cluster/api-server/api-server.ts";
import { connectApiServer } from "../../../core/cluster/api-server/connect.ts";
import { testAuthority } from "../../support/test-authority.ts";
import { eventually, ownAddress, type Program, startProgram } from "./program.ts";

const READY_MS = 60_000;

/** A real API server over a real etcd on a loopback address of their own, with nothing else of Kubernetes. */
export interface Cluster {
  readonly api: ApiServer;
  /** For an administrator. */
  readonly kubeconfig: string;
  /** Writes a kubeconfig for somebody who has only what RBAC gives that name. @returns its file */
  kubeconfigOf(user: string): Promise<string>;
  /** What the API server presents to webhooks: signed by this authority, under this common name. */
  readonly webhookClient: { readonly caFile: string; readonly name: string };
  /** Ends the API server and starts it again on the same objects. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** @param folder  temporary; its objects, keys and logs */
export async function startCluster(
  programs: { readonly etcd: string; readonly "kube-apiserver": string },
  folder: string,
): Promise<Cluster> {
  const address = ownAddress();
  const at = (name: string) => join(folder, name);
  mkdirSync(folder, { recursive: true });
  const { kubeconfig, caFile, kubeconfigOf } = await writeCredentials(address, at);
  const etcd = startProgram(programs.etcd, etcdFlags(address, at));
  const start = () => startProgram(programs["kube-apiserver"], apiServerFlags(address, at));
  let server: Program = start();
  const api = await connectApiServer({ kubeconfig });
  const ready = () => eventually("the API server to be ready", READY_MS, () => isReady(api, server));
  await ready();
  return {
    api,
    kubeconfig,
    kubeconfigOf,
    webhookClient: { caFile, name: WEBHOOK_CLIENT },
    restart: async () => {
      await server.stop();
      server = start();
      await ready();
    },
    stop: async () => {
      await api.close();
      await server.stop();
      await etcd.stop();
    },
  };
}

const WEBHOOK_CLIENT = "kube-apiserver-webhooks";

async function isReady(api: ApiServer, server: Program): Promise<true | undefined> {
  if (server.child.exitCode !== null)
    throw new Error(`kube-apiserver ended with ${server.child.exitCode}: ${server.output().slice(-4000)}`);
  await api.ask({ path: "/api/v1/namespaces/default" });
  await api.ask({ path: "/apis/rbac.authorization.k8s.io/v1/clusterroles/cluster-admin" });
  return true;
}

async function writeCredentials(address: string, at: (name: string) => string) {
  const authority = await testAuthority("test cluster");
  const save = (name: string, text: string) => writeFileSync(at(name), text, { mode: 0o600 });
  const issue = async (name: string, subject: string, hosts?: readonly string[]) => {
    const { certPem, keyPem } = await authority.issue(subject, hosts);
    save(`${name}.crt`, certPem);
    save(`${name}.key`, keyPem);
  };
  save("ca.crt", authority.caPem);
  await issue("server", "CN=kube-apiserver", [address, "kubernetes.default.svc"]);
  await issue("webhooks", `CN=${WEBHOOK_CLIENT}`);
  await issue("accounts", "CN=service accounts");
  const kubeconfigOf = async (name: string, subject: string) => {
    await issue(name, subject);
    save(`${name}.kubeconfig`, JSON.stringify(kubeconfigFor(`https://${address}:6443`, name, at)));
    return at(`${name}.kubeconfig`);
  };
  save("webhooks.kubeconfig", JSON.stringify(webhooksKubeconfig(at)));
  save("admission.yaml", JSON.stringify(admissionConfiguration(at)));
  return {
    kubeconfig: await kubeconfigOf("admin", "CN=admin, O=system:masters"),
    caFile: at("ca.crt"),
    kubeconfigOf: (user: string) => kubeconfigOf(user.replaceAll(":", "-"), `CN=${user}`),
  };
}

function kubeconfigFor(server: string, user: string, at: (name: string) => string): object {
  const own = { "client-certificate": at(`${user}.crt`), "client-key": at(`${user}.key`) };
  return {
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "test", cluster: { server, "certificate-authority": at("ca.crt") } }],
    users: [{ name: user, user: own }],
    contexts: [{ name: "test", context: { cluster: "test", user } }],
    "current-context": "test",
  };
}

/** @see Kubernetes documentation, "Dynamic Admission Control", "Authenticate API servers" */
function webhooksKubeconfig(at: (name: string) => string): object {
  const user = { "client-certificate": at("webhooks.crt"), "client-key": at("webhooks.key") };
  return { apiVersion: "v1", kind: "Config", users: [{ name: "*", user }] };
}

function admissionConfiguration(at: (name: string) => string): object {
  const configuration = {
    apiVersion: "apiserver.config.k8s.io/v1",
    kind: "WebhookAdmissionConfiguration",
    kubeConfigFile: at("webhooks.kubeconfig"),
  };
  const plugins = ["ValidatingAdmissionWebhook", "MutatingAdmissionWebhook"].map((name) => ({ name, configuration }));
  return { apiVersion: "apiserver.config.k8s.io/v1", kind: "AdmissionConfiguration", plugins };
}

/** Nothing of it survives the test: no write waits for the disk. */
function etcdFlags(address: string, at: (name: string) => string): string[] {
  const [client, peer] = [`http://${address}:2379`, `http://${address}:2380`];
  return [
    `--data-dir=${at("etcd")}`,
    "--unsafe-no-fsync",
    "--log-level=warn",
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
  ];
}

/** Without a controller manager nobody makes service accounts or allocates anything: what waits for those is off. */
function apiServerFlags(address: string, at: (name: string) => string): string[] {
  return [
    `--etcd-servers=http://${address}:2379`,
    `--bind-address=${address}`,
    "--advertise-address=10.0.0.1",
    "--endpoint-reconciler-type=none",
    "--secure-port=6443",
    `--cert-dir=${at("certs")}`,
    `--tls-cert-file=${at("server.crt")}`,
    `--tls-private-key-file=${at("server.key")}`,
    `--client-ca-file=${at("ca.crt")}`,
    "--authorization-mode=RBAC",
    "--service-account-issuer=https://test.invalid",
    `--service-account-key-file=${at("accounts.crt")}`,
    `--service-account-signing-key-file=${at("accounts.key")}`,
    "--service-cluster-ip-range=10.96.0.0/16",
    "--disable-admission-plugins=ServiceAccount",
    `--admission-control-config-file=${at("admission.yaml")}`,
    "--v=1",
  ];
}
