import { randomUUID } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { applyPatch, type Operation } from "rfc6902";
import { Agent, type Dispatcher, request } from "undici";
import { stringify } from "yaml";
import { readAdmissionConfig } from "../../../admission/config.ts";
import { startAdmission } from "../../../admission/main.ts";
import type { ReviewResponse } from "../../../admission/review.ts";
import { pushImage } from "../../../cli/demo/registry/registry.ts";
import {
  attestVuln,
  generateSigner,
  type Signer,
  signBundle,
  signCosignSimple,
} from "../../../cli/demo/signing/signing.ts";
import type { Closable } from "../../../core/base/lifecycle.ts";
import { silentLog } from "../../../core/base/log.ts";
import type { Finding } from "../../../core/policy/evidence.ts";
import { type FaultyRegistry, startFaultyRegistry } from "../../support/registry-of-faults.ts";

export const RELEASE = generateSigner("acme-release");
export const SCANNER = generateSigner("acme-scanner");
const LOG4SHELL: Finding = {
  id: "CVE-2021-44228",
  severity: "critical",
  package: "pkg:maven/log4j-core@2.14.1",
  fixedIn: "2.15.0",
};

/** The images every test may name, by host/repository:tag. */
export type Images = Readonly<
  Record<"good" | "bundle" | "unsigned" | "vulnerable" | "attested" | "stranger" | "sidecar", string>
>;

export interface Shop {
  readonly registry: FaultyRegistry;
  readonly images: Images;
}

/** A registry holding one image of each fate. */
export async function openShop(): Promise<Shop> {
  const registry = await startFaultyRegistry();
  const stranger = generateSigner("stranger");
  const push = async (
    name: string,
    sign?: (image: Awaited<ReturnType<typeof pushImage>>) => Promise<unknown>,
    findings: readonly Finding[] = [],
  ) => {
    const image = await pushImage(registry, { repository: name, tag: "1.0.0", files: { "/etc/name": name } });
    await sign?.(image);
    await attestVuln(registry, image, SCANNER, { finishedAtMs: Date.now() - 2 * 3_600_000, findings });
    return image;
  };
  const simple = (signer: Signer) => (image: Awaited<ReturnType<typeof pushImage>>) =>
    signCosignSimple(registry, image, signer);
  const images = {
    good: (await push("shop/web", simple(RELEASE))).reference,
    bundle: (await push("shop/bundle", (image) => signBundle(registry, image, RELEASE))).reference,
    unsigned: (await push("shop/unsigned")).reference,
    vulnerable: (await push("shop/vulnerable", simple(RELEASE), [LOG4SHELL])).reference,
    attested: (
      await push("shop/attested", (image) =>
        attestVuln(registry, image, RELEASE, { finishedAtMs: Date.now(), findings: [] }),
      )
    ).reference,
    stranger: (await push("shop/stranger", simple(stranger))).reference,
    sidecar: (await push("outrider/sidecar", simple(RELEASE))).pinned,
  };
  return { registry, images };
}

/** The spec of an ImagePolicy that the shop's good images meet. */
export function policySpec({ registry }: Shop): Record<string, unknown> {
  return {
    match: { images: [`${registry.host}/**`], namespaces: ["shop"] },
    authorities: [
      { name: RELEASE.name, role: "release", key: RELEASE.publicKeyPem },
      { name: SCANNER.name, role: "scanner", key: SCANNER.publicKeyPem },
    ],
    signatures: { require: "any" },
    scan: { maxAge: "7d", refuse: ["critical"] },
    pods: {
      podSecurity: "baseline",
      rego: [{ library: "required-labels", parameters: { labels: ["owner"] } }],
      inject: true,
    },
  };
}

export interface WebhookOptions {
  /** Specs of ImagePolicies by name; one named "production" from policySpec when absent. */
  readonly policies?: Readonly<Record<string, object>>;
  readonly manifests?: readonly object[];
  readonly sidecar?: { readonly image: string; readonly verify?: boolean };
  readonly collector?: string;
  readonly scanStore?: string;
  readonly trivy?: object;
  readonly audit?: object;
}

export type Pod = { apiVersion: "v1"; kind: "Pod"; metadata: Record<string, unknown>; spec: Record<string, unknown> };

/** A pod that passes when its image does. */
export function pod(image: string, spec: object = {}, metadata: object = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "web-1", namespace: "shop", labels: { owner: "team-shop" }, ...metadata },
    spec: { containers: [{ name: "web", image }], ...spec },
  };
}

export interface Webhook extends Closable {
  readonly folder: string;
  /** https://host:port */
  readonly url: string;
  readonly admin: string;
  /** One review, as the API server would send it. */
  review(door: "validate" | "mutate", request: object, query?: string): Promise<ReviewResponse>;
  validate(object: object, more?: object): Promise<ReviewResponse>;
  mutate(object: object, more?: object): Promise<ReviewResponse>;
  /** Mutates, applies the patch and validates, in the API server's order. */
  admit(
    object: Pod,
  ): Promise<{ readonly object: Pod; readonly operations: readonly Operation[]; readonly answer: ReviewResponse }>;
  post(
    path: string,
    body: string | Buffer,
    contentType?: string,
  ): Promise<{ status: number; json: Record<string, unknown> }>;
  writePolicies(policies: Readonly<Record<string, object>>): void;
}

/** The real service in this process, its files in a folder of its own. */
export async function startWebhook(shop: Shop, options: WebhookOptions = {}): Promise<Webhook> {
  const folder = mkdtempSync(join(tmpdir(), "outrider-admission-"));
  const opened: Closable[] = [];
  const config = writeConfig(folder, shop, options);
  const addresses = await startAdmission(readAdmissionConfig(config), silentLog, (closable) => opened.push(closable));
  const { webhook: url = "", admin = "" } = addresses;
  const agent = new Agent({ connect: { ca: readFileSync(join(folder, "ca.pem"), "utf8") } });
  const post = (path: string, body: string | Buffer, contentType = "application/json") =>
    postTo(agent, `${url}${path}`, body, contentType);
  const review: Webhook["review"] = async (door, asked, query = "?timeout=10s") => {
    const body = JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: asked });
    const { json } = await post(`/${door}${query}`, body);
    return json["response"] as ReviewResponse;
  };
  const ask =
    (door: "validate" | "mutate") =>
    (object: object, more: object = {}) =>
      review(door, requestFor(object, more));
  return {
    folder,
    url,
    admin,
    post,
    review,
    validate: ask("validate"),
    mutate: ask("mutate"),
    admit: (object) => admit(object, ask("mutate"), ask("validate")),
    writePolicies: (policies) => writePolicies(folder, policies),
    close: async () => {
      await agent.destroy();
      for (const closable of opened.toReversed()) await closable.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

type Ask = (object: object) => Promise<ReviewResponse>;

async function admit(object: Pod, mutate: Ask, validate: Ask) {
  const mutated = await mutate(object);
  const operations = operationsOf(mutated);
  const patched = structuredClone(object);
  applyPatch(patched, operations);
  return { object: patched, operations, answer: mutated.allowed ? await validate(patched) : mutated };
}

export function operationsOf({ patch }: ReviewResponse): Operation[] {
  return patch === undefined ? [] : (JSON.parse(Buffer.from(patch, "base64").toString("utf8")) as Operation[]);
}

/** The request half for a creation in namespace shop; `more` changes any field of it. */
export function requestFor(object: object, more: object = {}): object {
  const { apiVersion, kind } = object as { apiVersion: string; kind: string };
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  return {
    uid: randomUUID(),
    kind: { group, version, kind },
    resource: { group, version, resource: `${kind.toLowerCase()}s` },
    namespace: "shop",
    operation: "CREATE",
    userInfo: { username: "alice" },
    object,
    ...more,
  };
}

async function postTo(dispatcher: Dispatcher, url: string, body: string | Buffer, contentType: string) {
  const answer = await request(url, { dispatcher, method: "POST", headers: { "content-type": contentType }, body });
  return { status: answer.statusCode, json: (await answer.body.json()) as Record<string, unknown> };
}

function writeConfig(folder: string, shop: Shop, options: WebhookOptions): string {
  const file = join(folder, "admission.yaml");
  for (const name of ["policies", "manifests"]) mkdirSync(join(folder, name));
  writePolicies(folder, options.policies ?? { production: policySpec(shop) });
  const manifests = options.manifests ?? [{ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } }];
  writeFileSync(join(folder, "manifests/all.yaml"), manifests.map((one) => stringify(one)).join("---\n"));
  writeFileSync(
    file,
    stringify({
      listen: "127.0.0.1:0",
      serverNames: ["127.0.0.1", "outrider-admission.outrider-system.svc"],
      stateDir: "./state",
      caFile: "./ca.pem",
      admin: { listen: "127.0.0.1:0" },
      policies: { folder: "./policies" },
      cluster: { folder: "./manifests" },
      registries: [{ host: shop.registry.host, plainHttp: true }],
      ...(options.sidecar === undefined ? {} : { sidecar: options.sidecar }),
      ...(options.collector === undefined ? {} : { collector: options.collector }),
      ...(options.scanStore === undefined ? {} : { scanStore: options.scanStore }),
      ...(options.trivy === undefined ? {} : { trivy: options.trivy }),
      ...(options.audit === undefined ? {} : { audit: options.audit }),
    }),
  );
  return file;
}

function writePolicies(folder: string, policies: Readonly<Record<string, object>>): void {
  const documents = Object.entries(policies).map(([name, spec]) =>
    stringify({ apiVersion: "outrider.dev/v1alpha1", kind: "ImagePolicy", metadata: { name }, spec }),
  );
  writeFileSync(join(folder, "policies/all.yaml"), documents.join("---\n"));
}
