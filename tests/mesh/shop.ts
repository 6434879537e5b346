import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import type { Closable } from "../../core/base/lifecycle.ts";
import { type Log, silentLog } from "../../core/base/log.ts";
import { type CaSourceOptions, createCaSource } from "../../core/identity/ca-source.ts";
import { meshId } from "../../core/identity/spiffe-id.ts";
import type { Svid } from "../../core/identity/svid.ts";
import { verifyPeer } from "../../core/identity/verify.ts";
import { type MeshMessage, type SidecarMessage, SNAPSHOT_ALPN } from "../../core/policy/snapshot.ts";
import { meshConfig } from "../../mesh/config.ts";
import { startMesh } from "../../mesh/mesh.ts";
import { createLineReader } from "../../mesh/snapshots/lines.ts";

export const TRUST_DOMAIN = "shop.test";
const ISSUER = "https://kubernetes.default.svc";

/** Three pods: web may call payments, batch may not although it shares web's service account. */
export const MANIFESTS = `
apiVersion: v1
kind: Namespace
metadata: { name: shop }
---
apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop, uid: uid-web, labels: { app: web } }
spec: { serviceAccountName: front, containers: [{ name: app, image: web:1 }] }
status: { podIP: 127.20.0.1 }
---
apiVersion: v1
kind: Pod
metadata: { name: batch-1, namespace: shop, uid: uid-batch, labels: { app: batch } }
spec: { serviceAccountName: front, containers: [{ name: app, image: batch:1 }] }
status: { podIP: 127.20.0.2 }
---
apiVersion: v1
kind: Pod
metadata: { name: payments-1, namespace: shop, uid: uid-payments, labels: { app: payments } }
spec:
  serviceAccountName: payments
  containers: [{ name: app, image: payments:1, ports: [{ name: http, containerPort: 8080 }] }]
status: { podIP: 127.20.0.3 }
---
apiVersion: v1
kind: Service
metadata: { name: payments, namespace: shop }
spec: { selector: { app: payments }, ports: [{ name: http, port: 80, targetPort: http }] }
`;

export const POLICY = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: { name: payments, namespace: shop }
spec:
  podSelector: { matchLabels: { app: payments } }
  ingress:
    - from: [{ podSelector: { matchLabels: { app: web } } }]
      ports: [{ port: http }]
`;

export interface TokenFacts {
  readonly pod?: string;
  readonly uid?: string;
  readonly serviceAccount?: string;
  readonly audience?: string;
  readonly issuer?: string;
  readonly lifeS?: number;
}

/** A running control plane over a temporary folder, and what talks to it. */
export interface Shop {
  readonly folder: string;
  readonly admin: string;
  readonly ca: string;
  readonly bundleFile: string;
  write(file: string, text: string): void;
  token(facts: TokenFacts): Promise<string>;
  /** What the pod's sidecar would do. */
  source(facts: TokenFacts, options?: Partial<CaSourceOptions>): ReturnType<typeof createCaSource>;
  dial(svid: Svid, alpn?: string): Promise<Sidecar>;
  close(): Promise<void>;
}

/** The other end of the snapshot stream. */
export interface Sidecar {
  say(message: SidecarMessage | string): void;
  next(): Promise<MeshMessage>;
  close(): void;
}

export async function openShop(collector?: string, log: Log = silentLog): Promise<Shop> {
  const dir = mkdtempSync(join(tmpdir(), "outrider-shop-"));
  const folder = join(dir, "manifests");
  mkdirSync(folder);
  writeFileSync(join(folder, "shop.yaml"), MANIFESTS);
  writeFileSync(join(folder, "policy.yaml"), POLICY);
  const keys = await generateKeyPair("ES256", { extractable: true });
  const jwks = join(dir, "jwks.json");
  writeFileSync(jwks, JSON.stringify({ keys: [{ ...(await exportJWK(keys.publicKey)), kid: "k1", alg: "ES256" }] }));
  const bundleFile = join(dir, "bundle.pem");
  const any = "127.0.0.1:0";
  const config = meshConfig.parse({
    trustDomain: TRUST_DOMAIN,
    stateDir: join(dir, "state"),
    bundleFile,
    cluster: { folder },
    ca: { listen: any, certificateTtl: "1h" },
    snapshots: { listen: any },
    admin: { listen: any },
    tokens: { jwks, issuer: ISSUER },
    ...(collector === undefined ? {} : { collector }),
  });
  const open: Closable[] = [];
  const addresses = await startMesh({ config, log, opened: (closable) => open.push(closable) });
  const { ca = "", snapshots = "", admin = "" } = addresses;
  let tokens = 0;
  const token = async (facts: TokenFacts) => {
    const { pod = "web-1", uid = "uid-web", serviceAccount = "front" } = facts;
    const bound = { namespace: "shop", pod: { name: pod, uid }, serviceaccount: { name: serviceAccount, uid: "sa" } };
    return new SignJWT({ "kubernetes.io": bound })
      .setProtectedHeader({ alg: "ES256", kid: "k1" })
      .setIssuer(facts.issuer ?? ISSUER)
      .setAudience(facts.audience ?? "outrider-ca")
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + (facts.lifeS ?? 600))
      .sign(keys.privateKey);
  };
  return {
    folder,
    admin,
    ca,
    bundleFile,
    token,
    write: (file, text) => writeFileSync(join(folder, file), text),
    source: async (facts, options) => {
      const tokenFile = join(dir, `token-${tokens++}`);
      writeFileSync(tokenFile, await token(facts));
      const spiffeId = `spiffe://${TRUST_DOMAIN}/ns/shop/sa/${facts.serviceAccount ?? "front"}`;
      return createCaSource({ trustDomain: TRUST_DOMAIN, spiffeId, url: ca, bundleFile, tokenFile, log, ...options });
    },
    dial: (svid, alpn = SNAPSHOT_ALPN) => dial(snapshots, svid, alpn),
    close: async () => {
      for (const closable of open.toReversed()) await closable.close();
      rmSync(dir, { recursive: true });
    },
  };
}

function dial(address: string, svid: Svid, alpn: string): Promise<Sidecar> {
  const [host = "", port] = address.split(":");
  const readLines = createLineReader(16 * 1024 * 1024);
  const arrived: MeshMessage[] = [];
  const waiting: { resolve(message: MeshMessage): void; reject(error: Error): void }[] = [];
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect({
      host,
      port: Number(port),
      cert: svid.certChainPem,
      key: svid.keyPem,
      ca: svid.bundlePem,
      ALPNProtocols: [alpn],
      minVersion: "TLSv1.3",
      checkServerIdentity: () => undefined,
    });
    socket.on("error", (error) => {
      reject(error);
      for (const reader of waiting) reader.reject(error);
    });
    socket.on("close", () => {
      for (const reader of waiting) reader.reject(new Error("closed"));
    });
    socket.on("data", (chunk) => {
      for (const text of readLines(chunk)) {
        const message = JSON.parse(text) as MeshMessage;
        const reader = waiting.shift();
        if (reader === undefined) arrived.push(message);
        else reader.resolve(message);
      }
    });
    socket.on("secureConnect", () => {
      const certificate = socket.getPeerX509Certificate();
      if (certificate === undefined) return reject(new Error("no certificate"));
      try {
        verifyPeer(certificate, svid.bundlePem, TRUST_DOMAIN, meshId(TRUST_DOMAIN));
      } catch (error) {
        return reject(error);
      }
      resolve({
        say: (message) => void socket.write(typeof message === "string" ? message : `${JSON.stringify(message)}\n`),
        next: () => {
          const message = arrived.shift();
          if (message !== undefined) return Promise.resolve(message);
          return new Promise((res, rej) => waiting.push({ resolve: res, reject: rej }));
        },
        close: () => socket.destroy(),
      });
    });
  });
}
