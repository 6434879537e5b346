import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseAllDocuments } from "yaml";
import type { ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { type Cluster, startCluster } from "../../tests/real/support/api-server.ts";
import { ownAddress } from "../../tests/real/support/program.ts";
import { testAuthority } from "../../tests/support/test-authority.ts";
import { findPart, PARTS } from "../../tools/parts.mjs";
import { oneByOne, type Target } from "../suite/https-load.ts";
import { type Measured, startMeasured } from "../suite/process.ts";
import type { Missing } from "../suite/row.ts";
import { expectAllowed, podReview } from "./reviews.ts";
import { NAMESPACE } from "./stage.ts";

const MODULE = "github.com/open-policy-agent/gatekeeper/v3";
const { version: VERSION } = PARTS["gatekeeper"];
export const GATEKEEPER = `Gatekeeper ${VERSION}`;
const PORT = 8443;
const OWN_POD = "gatekeeper-0";
const TEMPLATE = "outriderpodsecurity";
/** Longest wait for the constraint to be enforced, in milliseconds. */
const ENFORCED_DEADLINE_MS = 60_000;
const POLL_MS = 250;

/** Gatekeeper's own webhook program before a real API server, with the restricted level as its one constraint. */
export interface Gatekeeper {
  readonly process: Measured;
  target(bodies: readonly string[]): Target;
  stop(): Promise<void>;
}

/** Starts what it needs and waits until it refuses a pod that breaks the level; names the part that is missing. */
export async function startGatekeeper(): Promise<Gatekeeper | Missing> {
  const parts = { gatekeeper: "", etcd: "", "kube-apiserver": "" };
  for (const name of Object.keys(parts) as (keyof typeof parts)[]) {
    const { path, problem } = findPart(name);
    if (path === undefined) return { missing: `${problem}; tools/install ${name}` };
    parts[name] = path;
  }
  const folder = mkdtempSync(join(tmpdir(), "outrider-gatekeeper-"));
  const opened: (() => Promise<void> | void)[] = [() => rmSync(folder, { recursive: true, force: true })];
  const stop = async () => {
    for (const close of opened.toReversed()) await close();
  };
  try {
    return { ...(await start(parts, folder, opened)), stop };
  } catch (thrown) {
    await stop();
    throw thrown;
  }
}

async function start(
  parts: { gatekeeper: string; etcd: string; "kube-apiserver": string },
  folder: string,
  opened: (() => Promise<void> | void)[],
): Promise<Omit<Gatekeeper, "stop">> {
  const cluster = await startCluster(parts, join(folder, "cluster"));
  opened.push(() => cluster.stop());
  await prepare(cluster.api);
  const process = await startWebhook(parts.gatekeeper, folder, cluster);
  opened.push(() => process.measured.stop());
  await constrain(cluster.api);
  const target = (bodies: readonly string[]): Target => ({
    host: process.host,
    port: PORT,
    path: "/v1/admit?timeout=10s",
    bodies,
    check: expectAllowed,
  });
  await enforced(target);
  return { process: process.measured, target };
}

/** Its own CRDs as its release publishes them, our namespaces, then the template and, once its kind is there, the constraint. */
async function prepare(api: ApiServer): Promise<void> {
  const release = readFileSync(join(moduleFolder(), "deploy/gatekeeper.yaml"), "utf8");
  const crds = parseAllDocuments(release)
    .map((document) => document.toJS() as { kind?: string } | null)
    .filter((object) => object?.kind === "CustomResourceDefinition");
  for (const body of crds)
    await api.ask({
      method: "POST",
      path: "/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
      body: body ?? {},
    });
  for (const name of ["gatekeeper-system", NAMESPACE]) {
    const body = { apiVersion: "v1", kind: "Namespace", metadata: { name } };
    await api.ask({ method: "POST", path: "/api/v1/namespaces", body });
  }
  const spec = { containers: [{ name: "manager", image: "gatekeeper" }] };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: OWN_POD }, spec };
  await api.ask({ method: "POST", path: "/api/v1/namespaces/gatekeeper-system/pods", body: pod }); // it writes its status beside
  const group = "/apis/templates.gatekeeper.sh/v1";
  await eventually(() => api.ask({ method: "POST", path: `${group}/constrainttemplates`, body: template() }));
}

async function startWebhook(path: string, folder: string, { kubeconfig }: Cluster) {
  const host = ownAddress();
  const certs = join(folder, "webhook");
  const { certPem, keyPem } = await (await testAuthority("gatekeeper")).issue("CN=gatekeeper", [host]);
  mkdirSync(certs);
  writeFileSync(join(certs, "tls.crt"), certPem);
  writeFileSync(join(certs, "tls.key"), keyPem);
  const flags = [
    "--operation=webhook",
    "--operation=generate",
    `--host=${host}`,
    `--port=${PORT}`,
    `--cert-dir=${certs}`,
    "--disable-cert-rotation",
    `--health-addr=${host}:9090`,
    "--prometheus-port=18888",
    "--log-level=WARNING",
    "--shutdown-delay=0",
  ];
  const env = { KUBECONFIG: kubeconfig, POD_NAME: OWN_POD, POD_NAMESPACE: "gatekeeper-system" };
  const measured = await startMeasured(path, flags, /./, env);
  return { host, measured };
}

/** Its kind appears once the template has been taken up. */
async function constrain(api: ApiServer): Promise<void> {
  const constraint = {
    apiVersion: "constraints.gatekeeper.sh/v1beta1",
    kind: "OutriderPodSecurity",
    metadata: { name: "restricted" },
  };
  const spec = { match: { kinds: [{ apiGroups: [""], kinds: ["Pod"] }] } };
  await eventually(() =>
    api.ask({
      method: "POST",
      path: `/apis/constraints.gatekeeper.sh/v1beta1/${TEMPLATE}`,
      body: { ...constraint, spec },
    }),
  );
}

function template(): object {
  const rego = readFileSync(join(import.meta.dirname, "gatekeeper/restricted.rego"), "utf8");
  return {
    apiVersion: "templates.gatekeeper.sh/v1",
    kind: "ConstraintTemplate",
    metadata: { name: TEMPLATE },
    spec: {
      crd: { spec: { names: { kind: "OutriderPodSecurity" } } },
      targets: [{ target: "admission.k8s.gatekeeper.sh", rego }],
    },
  };
}

/** A webhook without its constraint allows everything, quickly: it is measured only once it refuses. */
async function enforced(target: Gatekeeper["target"]): Promise<void> {
  const bad = podReview(["a/b:1"]).replace('"allowPrivilegeEscalation":false', '"allowPrivilegeEscalation":true');
  await eventually(() =>
    oneByOne({
      ...target([bad]),
      check: (body) => {
        if (!body.includes("allowPrivilegeEscalation != false")) throw new Error(`not refused: ${body.slice(0, 500)}`);
      },
    }),
  );
}

async function eventually(work: () => Promise<unknown>): Promise<void> {
  for (const startedMs = performance.now(); ; await sleep(POLL_MS)) {
    try {
      return void (await work());
    } catch (thrown) {
      if (performance.now() - startedMs > ENFORCED_DEADLINE_MS) throw thrown;
    }
  }
}

/** Where its release's source is in Go's module cache; the part was built from it. */
function moduleFolder(): string {
  const said = execFileSync("go", ["mod", "download", "-json", `${MODULE}@${VERSION}`], { encoding: "utf8" });
  return (JSON.parse(said) as { Dir: string }).Dir;
}
