import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { ROOT } from "../../support/sources.ts";
import { eventually, ownAddress, startProgram } from "./program.ts";

const READY_MS = 30_000;

export interface Answer {
  readonly allowed: boolean;
  readonly message: string;
}

/** The real admission webhook in its own process, asked over HTTPS with its own CA as the API server would. */
export interface Webhook {
  validate(image: string): Promise<Answer>;
  readonly metricsUrl: string;
  stop(): Promise<void>;
}

/**
 * @param policy  the spec of the one ImagePolicy there is
 * @param trustRoots  specs of TrustRoots by name
 */
export async function startWebhook(
  folder: string,
  policy: object,
  registries: readonly string[],
  trustRoots: Readonly<Record<string, object>> = {},
): Promise<Webhook> {
  const address = ownAddress();
  const admin = `${address}:9443`;
  const caFile = join(folder, "ca.pem");
  writeObject(folder, "ImagePolicy", "real", policy);
  for (const [name, spec] of Object.entries(trustRoots)) writeObject(folder, "TrustRoot", name, spec);
  const config = {
    listen: `${address}:8443`,
    serverNames: [address],
    stateDir: "./admission-state",
    caFile,
    admin: { listen: admin },
    policies: { folder: "./policies" },
    registries: registries.map((host) => ({ host, plainHttp: true })),
  };
  writeFileSync(join(folder, "admission.yaml"), JSON.stringify(config));
  const args = [join(ROOT, "dist/outrider.js"), "admission", "--config", join(folder, "admission.yaml")];
  const program = startProgram(process.execPath, args);
  await program.said(/"ready"/, READY_MS);
  const ready = async () => (await fetch(`http://${admin}/readyz`)).ok || undefined;
  await eventually(`the webhook to be ready: ${program.output()}`, READY_MS, ready);
  return {
    validate: (image) => review(address, readFileSync(caFile, "utf8"), image),
    metricsUrl: `http://${admin}/metrics`,
    stop: program.stop,
  };
}

function writeObject(folder: string, kind: "ImagePolicy" | "TrustRoot", name: string, spec: object): void {
  mkdirSync(join(folder, "policies"), { recursive: true });
  const written = { apiVersion: "outrider.dev/v1alpha1", kind, metadata: { name }, spec };
  writeFileSync(join(folder, `policies/${kind.toLowerCase()}-${name}.yaml`), JSON.stringify(written));
}

async function review(address: string, ca: string, image: string): Promise<Answer> {
  const uid = randomUUID();
  const body = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: podRequest(uid, image) };
  const text = await post({ host: address, port: 8443, path: "/validate", method: "POST", ca }, JSON.stringify(body));
  const { response } = JSON.parse(text) as {
    response: { uid: string; allowed: boolean; status?: { message?: string } };
  };
  if (response.uid !== uid) throw new Error(`the answer is to another request: ${text}`);
  return { allowed: response.allowed, message: response.status?.message ?? "" };
}

function podRequest(uid: string, image: string): object {
  const metadata = { name: "web-1", namespace: "shop", labels: { app: "web" } };
  return {
    uid,
    kind: { group: "", version: "v1", kind: "Pod" },
    resource: { group: "", version: "v1", resource: "pods" },
    requestKind: { group: "", version: "v1", kind: "Pod" },
    requestResource: { group: "", version: "v1", resource: "pods" },
    name: metadata.name,
    namespace: metadata.namespace,
    operation: "CREATE",
    userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller" },
    object: { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [{ name: "web", image }] } },
    oldObject: null,
    dryRun: false,
  };
}

function post(
  options: { host: string; port: number; path: string; method: string; ca: string },
  body: string,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", "content-length": Buffer.byteLength(body) };
    const outgoing = request({ ...options, headers, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        response.statusCode === 200 ? resolve(text) : reject(new Error(`${response.statusCode}: ${text}`)),
      );
    });
    outgoing.on("error", reject).end(body);
  });
}
