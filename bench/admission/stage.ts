import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type PushedImage, pushImage } from "../../cli/demo/registry/registry.ts";
import { attestVuln, generateSigner, type Signer, signBundle } from "../../cli/demo/signing/signing.ts";
import type { Target } from "../suite/https-load.ts";
import { type Measured, startMeasured } from "../suite/process.ts";
import { expectAllowed } from "./reviews.ts";

const ROOT = join(import.meta.dirname, "../..");
export const NAMESPACE = "shop";

/** What the rows share: a registry and a way to start the gate before it. */
export interface Stage {
  readonly registryHost: string;
  readonly release: Signer;
  readonly scanner: Signer;
  /** A new image with a signature and a clean scan, both as bundles. */
  pushSigned(name: string): Promise<PushedImage>;
  /** The gate as users run it, with one policy that is called "bench". */
  startGate(spec: object, more?: readonly object[]): Promise<Gate>;
}

/** A running webhook. */
export interface Gate {
  readonly process: Measured;
  target(path: "/validate" | "/mutate", bodies: readonly string[]): Target;
  stop(): Promise<void>;
}

export async function openStage(): Promise<Stage & { close(): Promise<void> }> {
  const registry = await startMeasured(
    process.execPath,
    [join(ROOT, "bench/admission/registry-process.ts")],
    /registry at (\S+)/,
  );
  const registryHost = registry.said[1] ?? "";
  const [release, scanner] = [generateSigner("acme-release"), generateSigner("acme-scanner")];
  const gates: Gate[] = [];
  return {
    registryHost,
    release,
    scanner,
    pushSigned: (name) => pushSigned({ host: registryHost }, name, release, scanner),
    startGate: async (spec, more = []) => {
      const gate = await startGate(registryHost, spec, more);
      gates.push(gate);
      return gate;
    },
    close: async () => {
      for (const gate of gates) await gate.stop();
      await registry.stop();
    },
  };
}

/** The policy of every row with evidence on: a signature, a scan, restricted pods. */
export function fullPolicy({
  registryHost,
  release,
  scanner,
}: Stage): Record<string, unknown> & { readonly authorities: readonly object[] } {
  return {
    match: { images: [`${registryHost}/**`], namespaces: [NAMESPACE] },
    authorities: [
      { name: release.name, role: "release", key: release.publicKeyPem },
      { name: scanner.name, role: "scanner", key: scanner.publicKeyPem },
    ],
    signatures: { require: "any" },
    scan: { maxAge: "7d", refuse: ["critical"] },
    pods: { podSecurity: "restricted" },
  };
}

const IMAGES_PER_POD = 3;

/** The images of one pod, signed and scanned, by digest. */
export async function signedImages(stage: Stage): Promise<readonly string[]> {
  const images: string[] = [];
  for (let index = 0; index < IMAGES_PER_POD; index++) images.push((await stage.pushSigned(`web-${index}`)).pinned);
  return images;
}

async function pushSigned(target: { host: string }, name: string, release: Signer, scanner: Signer) {
  const image = await pushImage(target, { repository: `shop/${name}`, tag: "1.0.0", files: { "/etc/name": name } });
  await signBundle(target, image, release);
  await attestVuln(target, image, scanner, { finishedAtMs: Date.now() - 3_600_000, findings: [] });
  return image;
}

async function startGate(registryHost: string, spec: object, more: readonly object[]): Promise<Gate> {
  const folder = mkdtempSync(join(tmpdir(), "outrider-bench-"));
  writeFiles(folder, registryHost, spec, more);
  const gate = await startMeasured(
    process.execPath,
    [join(ROOT, "dist/outrider.js"), "admission", "--config", join(folder, "admission.yaml")],
    /https:\/\/([\d.]+):(\d+)/,
    { NODE_OPTIONS: "--max-semi-space-size=2" }, // as deploy/admission.yaml starts it
  );
  const [, host = "", port = ""] = gate.said;
  const ca = readFileSync(join(folder, "ca.pem"), "utf8");
  return {
    process: gate,
    target: (path, bodies) => ({
      host,
      port: Number(port),
      ca,
      path: `${path}?timeout=10s`,
      bodies,
      check: expectAllowed,
    }),
    stop: async () => {
      await gate.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function writeFiles(folder: string, registryHost: string, spec: object, more: readonly object[]): void {
  const policy = { apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name: "bench" }, spec };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACE } };
  for (const name of ["policies", "manifests"]) mkdirSync(join(folder, name));
  writeFileSync(join(folder, "policies/all.yaml"), [policy, ...more].map((one) => stringify(one)).join("---\n"));
  writeFileSync(join(folder, "manifests/all.yaml"), stringify(namespace));
  writeFileSync(
    join(folder, "admission.yaml"),
    stringify({
      listen: "127.0.0.1:0",
      serverNames: ["127.0.0.1"],
      stateDir: "./state",
      caFile: "./ca.pem",
      admin: { listen: "127.0.0.1:0" },
      policies: { folder: "./policies" },
      cluster: { folder: "./manifests" },
      registries: [{ host: registryHost, plainHttp: true }],
    }),
  );
}
