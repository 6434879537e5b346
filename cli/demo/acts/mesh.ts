import { request } from "node:http";
import { NAMESPACE, POD_PORT, TRUST_DOMAIN } from "../layout.ts";
import type { Stage } from "../stage.ts";
import type { Finding } from "../verdicts.ts";
import { csrWithoutProof } from "./csr.ts";
import { explainPairs } from "./explain-pairs.ts";
import { rotationUnderTraffic } from "./rotation.ts";
import { certificateOf, inboundTls } from "./sidecar-admin.ts";
import { strangerRefused } from "./stranger.ts";

const WORKER_ID = `spiffe://${TRUST_DOMAIN}/ns/${NAMESPACE}/sa/worker`;

/** Three services behind sidecars: what is allowed works, and each refusal names its rule. */
export async function meshAct(stage: Stage): Promise<void> {
  stage.transcript.act("Mesh", "batch → web → checkout → payments, each behind its own sidecar");
  await stage.judge("allowed call works over mTLS 1.3", () => allowedCall(stage));
  await stage.judge("its peer identity is as expected", () => peerIdentity(stage));
  await stage.judge("policy refuses batch → payments", () => policyRefuses(stage));
  await stage.judge("the shared service account is told apart", () => toldApart(stage));
  await stage.judge("explain agrees with the proxy", () => explainPairs(stage));
  await stage.judge("plain text refused", () => plainTextRefused(stage));
  await stage.judge("a stranger's certificate is refused", () => strangerRefused(stage));
  await stage.judge("CSR without proof refused", () => csrWithoutProof(stage));
  await stage.judge("certificate rotated under traffic with no failed request", () => rotationUnderTraffic(stage));
}

/** What an app of the demo answers: who it is, who called it, and what the next one answered. */
interface AppAnswer {
  readonly service: string;
  readonly peer?: string;
  readonly next?: AppAnswer;
}

async function allowedCall(stage: Stage): Promise<Finding> {
  const { last } = await stage.call("batch", "web", { method: "POST", path: "/pay" });
  stage.transcript.quote(`POST /pay  ${last.status}  ${last.body}`);
  const tls = (await inboundTls(stage, "payments")).join(", ") || "no mesh connection";
  return { ok: last.status === 200 && tls === "TLSv1.3", got: `${last.status} over ${tls}` };
}

async function peerIdentity(stage: Stage): Promise<Finding> {
  const { last } = await stage.call("batch", "web");
  if (last.status !== 200) return { ok: false, got: `${last.status}: ${last.body.slice(0, 80)}` };
  const web = JSON.parse(last.body) as AppAnswer;
  const seen = web.next?.next?.peer ?? "none";
  return { ok: seen === WORKER_ID, got: `payments was called by ${seen}` };
}

async function policyRefuses(stage: Stage): Promise<Finding> {
  const { last } = await stage.call("batch", "payments", { method: "POST", path: "/pay" });
  const rule = last.headers["x-outrider-denied-by"] ?? "no rule named";
  stage.transcript.quote(`${last.status}  x-outrider-denied-by: ${rule}\n${refusalText(last.body)}`);
  return { ok: last.status === 403 && rule.includes("NetworkPolicy shop/payments"), got: `${last.status} by ${rule}` };
}

/** The refusal's own words, without the JSON around them. */
function refusalText(body: string): string {
  try {
    const { code, message, fix } = JSON.parse(body) as Record<string, string>;
    return `${code}: ${message}\nfix: ${fix}`;
  } catch {
    return body;
  }
}

async function toldApart(stage: Stage): Promise<Finding> {
  const ids = await Promise.all((["checkout", "batch"] as const).map((name) => certificateOf(stage, name)));
  const [checkout, batch] = await Promise.all([stage.call("checkout", "payments"), stage.call("batch", "payments")]);
  const same = ids[0]?.spiffeId === ids[1]?.spiffeId;
  const ok = same && checkout.last.status === 200 && batch.last.status === 403;
  return { ok, got: `${same ? "one id" : "two ids"}; checkout ${checkout.last.status}, batch ${batch.last.status}` };
}

/** Straight to the pod's port, without TLS, as a container outside the mesh would. */
async function plainTextRefused(stage: Stage): Promise<Finding> {
  const { status, body } = await plainGet(stage.layout.address.payments, POD_PORT.inbound);
  const code = /"code":\s*"([A-Z_]+)"/.exec(body)?.[1] ?? "no code";
  return { ok: status === 403 && code === "MTLS_REQUIRED", got: `${status} ${code}` };
}

function plainGet(host: string, port: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve) => {
    const outgoing = request({ host, port, path: "/", agent: false, timeout: 3_000 });
    outgoing.once("error", (error) => resolve({ status: 0, body: error.message }));
    outgoing.once("response", async (incoming) => {
      let body = "";
      for await (const chunk of incoming.setEncoding("utf8")) body += chunk;
      resolve({ status: incoming.statusCode ?? 0, body });
    });
    outgoing.end();
  });
}
