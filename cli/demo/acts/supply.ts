import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { stringify } from "yaml";
import { HOUR_MS } from "../../../core/base/clock.ts";
import type { Finding } from "../../../core/policy/evidence.ts";
import { type EmbeddedRegistry, type ImageSpec, type PushedImage, pushImage } from "../registry/registry.ts";
import type { Broken } from "../sabotage.ts";
import { attestVuln, generateSigner, type Signer, signBundle, signCosignSimple } from "../signing/signing.ts";
import type { Stage } from "../stage.ts";
import { demoPolicies, type Signers } from "./policies.ts";
import { findRealScanner, type RealScanner } from "./real-scan.ts";

/** The references that the gate act puts into pods. */
export interface Supplies {
  readonly images: Readonly<
    Record<"simple" | "bundle" | "unsigned" | "vulnerable" | "attested" | "tampered" | "sidecar", string>
  >;
}

const LOG4SHELL: Finding = {
  id: "CVE-2021-44228",
  severity: "critical",
  package: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1",
  fixedIn: "2.15.0",
};

/** How long ago the attested scans ended: old enough to show, young enough for the policy. */
const SCAN_AGE_MS = 2 * HOUR_MS;

/** Builds the images, signs and attests them as the policy will want it, and writes that policy. */
export async function supplyAct(stage: Stage, registry: EmbeddedRegistry): Promise<Supplies> {
  stage.transcript.act("Supply chain", `registry ${registry.host}, keys made for this run`);
  const signers = makeSigners(stage.broken);
  const scanner = await findRealScanner(stage);
  const supply = supplier(registry, signers, stage, scanner);
  const tampered = await supply("shop/tampered", "1.0.0", { simple: true });
  const images = {
    simple: (await supply("shop/web", "1.4.2", { simple: true, scanned: true })).reference,
    bundle: (await supply("shop/checkout", "2.0.1", { bundle: true })).reference,
    unsigned: (await supply("shop/unsigned", "0.9.0", {})).reference,
    vulnerable: (await supply("shop/vulnerable", "1.0.0", { simple: true, findings: [LOG4SHELL] })).reference,
    attested: (await supply("shop/attested", "1.0.0", { attestedByRelease: true })).reference,
    sidecar: (await supply("outrider/sidecar", "0.1.0", { bundle: true, trusted: true })).pinned,
    tampered: tampered.pinned,
  };
  if (!stage.broken.has("leave-digest")) tamper(registry, tampered, stage);
  const text = demoPolicies(stage.layout, signers, stage.broken)
    .map((policy) => stringify(policy))
    .join("---\n");
  writeFileSync(join(stage.layout.policies, "production.yaml"), text);
  stage.transcript.say(
    "policy: signed by acme-release, scanned by acme-scanner within 7 days, nothing critical, digests pinned",
  );
  return { images };
}

/** What is attached to an image, and by whom. Every image is scanned by the scanner's own key. */
interface Attachments {
  readonly simple?: boolean;
  readonly bundle?: boolean;
  /** A vuln attestation by the release key: true, well signed, and still no signature. */
  readonly attestedByRelease?: boolean;
  readonly findings?: readonly Finding[];
  /** Really scanned, where the machine can; only then without an attestation. */
  readonly scanned?: boolean;
  /** Signed with the named key even when the run swaps keys: the product's own image. */
  readonly trusted?: boolean;
}

interface MadeSigners extends Signers {
  /** What the shop's images are really signed with: the release key, or somebody else's. */
  readonly used: Signer;
}

function makeSigners(broken: Broken): MadeSigners {
  const release = generateSigner("acme-release");
  const used = broken.has("swap-signing-key") ? generateSigner("somebody-else") : release;
  return { release, scanner: generateSigner("acme-scanner"), used };
}

function supplier(registry: EmbeddedRegistry, signers: MadeSigners, stage: Stage, scanner: RealScanner | undefined) {
  const scan = { finishedAtMs: Date.now() - SCAN_AGE_MS, databaseAtMs: Date.now() - 2 * SCAN_AGE_MS };
  return async (repository: string, tag: string, attached: Attachments): Promise<PushedImage> => {
    const image = await pushImage(registry, imageSpec(repository, tag));
    const key = attached.trusted === true ? signers.release : signers.used;
    if (attached.simple === true) await signCosignSimple(registry, image, key);
    if (attached.bundle === true) await signBundle(registry, image, key);
    if (attached.attestedByRelease === true)
      await attestVuln(registry, image, signers.release, { ...scan, findings: [] });
    const source = attached.scanned === true ? await scanner?.scan(image, registry.host) : undefined;
    if (source === undefined)
      await attestVuln(registry, image, signers.scanner, { ...scan, findings: attached.findings ?? [] });
    stage.transcript.say(`${repository}:${tag}  ${image.digest.slice(0, 19)}…  ${describe(attached, source)}`);
    return image;
  };
}

function imageSpec(repository: string, tag: string): ImageSpec {
  return {
    repository,
    tag,
    os: { family: "alpine", version: "3.22.1" },
    packages: [{ name: "musl", version: "1.2.5-r10" }],
  };
}

function describe(attached: Attachments, source: string | undefined): string {
  const how = [
    attached.simple === true ? "signed (cosign simple)" : "",
    attached.bundle === true ? "signed (Sigstore bundle v0.3)" : "",
    attached.attestedByRelease === true ? "attested by the release key, not signed" : "",
    source ?? `scan attested: ${attached.findings?.map((finding) => finding.id).join(", ") ?? "clean"}`,
  ];
  return how.filter((word) => word !== "").join(", ");
}

/** Other bytes under the digest that was signed, as a registry that was broken into would serve them. */
function tamper(registry: EmbeddedRegistry, { digest, mediaType }: PushedImage, stage: Stage): void {
  registry.tamper(digest, new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, layers: [] })));
  stage.transcript.say(`shop/tampered  the registry now serves other bytes under ${digest.slice(0, 19)}…`);
}
