import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type EmbeddedRegistry, type PushedImage, pushImage, startRegistry } from "../../cli/demo/registry/registry.ts";
import {
  generateSigner,
  type KeyKind,
  type Signer,
  signBundle,
  signCosignSimple,
} from "../../cli/demo/signing/signing.ts";
import { collectImageEvidence } from "../../core/images/evidence.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import type { ImageEvidence } from "../../core/policy/evidence.ts";
import { describeWith } from "../support/parts.ts";
import { type Alteration, copyBundles, copyImage, copyTag } from "./support/evidence-copy.ts";
import { must, ownFolder, run } from "./support/program.ts";

const START_MS = 120_000;
const KINDS: readonly KeyKind[] = ["p256", "p384", "rsa", "ed25519"];
const FORMS = ["old", "bundle"] as const;
type Form = (typeof FORMS)[number];

/** One bit in the middle. */
const flip = (bytes: Buffer) => {
  const changed = Buffer.from(bytes);
  const middle = changed.length >> 1;
  changed[middle] = (changed[middle] ?? 0) ^ 1;
  return changed;
};

/** What is done with good evidence of one image; each must be judged by us as by the tool itself. */
const CASES: readonly (readonly [given: string, good: boolean, done: Done])[] = [
  ["is as it was signed", true, {}],
  ["is copied to another repository with its image", true, { copied: {} }],
  ["has a changed signature", false, { copied: { signature: flip } }],
  ["has a changed payload", false, { copied: { payload: (bytes) => Buffer.concat([bytes, Buffer.from(" ")]) } }],
  ["is attached to another image", false, { copied: {}, otherImage: true }],
  ["is held against another key", false, { otherKey: true }],
];
interface Done {
  readonly copied?: Alteration;
  readonly otherImage?: boolean;
  readonly otherKey?: boolean;
}

describeWith(["cosign"], "real cosign and we say the same", ({ cosign }) => {
  const folder = ownFolder();
  const signers = new Map<KeyKind, Signer>();
  const stranger = generateSigner("stranger");
  const at = (...names: string[]) => join(folder.path, ...names);
  let registry: EmbeddedRegistry;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry({ host: "127.0.0.1", port: 0 });
    writeFileSync(at("stranger.pub"), stranger.publicKeyPem);
    await must(cosign, ["signing-config", "create", "--out", at("signing-config.json")]);
    await must(cosign, ["trusted-root", "create", "--out", at("trusted-root.json")]);
    for (const kind of KINDS) signers.set(kind, await importKey(kind));
  }, START_MS);
  afterAll(async () => {
    await registry?.close();
    folder.remove();
  });

  const PASSWORD = { COSIGN_PASSWORD: "not-a-secret" };

  async function importKey(kind: KeyKind): Promise<Signer> {
    mkdirSync(at(kind));
    const signer = generateSigner(kind, kind);
    writeFileSync(at(kind, "private.pem"), signer.privateKeyPem);
    await must(cosign, ["import-key-pair", "--key", at(kind, "private.pem"), "-o", at(kind, "key"), "--yes"], PASSWORD);
    writeFileSync(at(kind, "key.pub"), signer.publicKeyPem);
    return signer;
  }

  function formFlags(form: Form): string[] {
    return form === "old"
      ? ["--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false"]
      : ["--signing-config", at("signing-config.json"), "--trusted-root", at("trusted-root.json")];
  }

  /** Images with different contents have different digests, and with the same the same. */
  const push = (content: string, repository = `shop/of-${++count}`) =>
    pushImage(registry, { repository, tag: "1", packages: [{ name: "content", version: content }] });

  async function make(command: readonly string[], kind: KeyKind, form: Form, image: PushedImage): Promise<void> {
    const key = ["--key", at(kind, "key.key"), "--yes", "--allow-http-registry"];
    await must(cosign, [...command, ...key, ...formFlags(form), image.pinned], PASSWORD);
  }

  /**
   * cosign signs images with Ed25519ph, which its own `verify` then does not know (keys.go, "uses ED25519ph by default"):
   * what it verifies is plain Ed25519, as other tools write it, and so do we here.
   */
  async function sign(kind: KeyKind, form: Form, image: PushedImage): Promise<void> {
    if (kind !== "ed25519") return make(["sign"], kind, form, image);
    const signer = signers.get(kind) as Signer;
    return form === "old" ? signCosignSimple(registry, image, signer) : signBundle(registry, image, signer);
  }

  /** The image that the case is about, with its evidence. */
  async function arrange(content: string, signed: PushedImage, form: Form, suffix: "sig" | "att", done: Done) {
    if (done.copied === undefined) return signed;
    const elsewhere = () => copyImage(registry, signed, `shop/copy-${++count}`);
    const to = done.otherImage === true ? await push(`other than ${content}`) : await elsewhere();
    if (form === "old") await copyTag(registry, signed, to, suffix, done.copied);
    else await copyBundles(registry, signed, to, done.copied);
    return to;
  }

  /** A P-384 key signs with SHA-384, which cosign must be told when it verifies. */
  async function cosignSays(command: readonly string[], key: string, image: PushedImage): Promise<boolean> {
    const hash = key.includes("p384") ? ["--signature-digest-algorithm", "sha384"] : [];
    const how = [...hash, "--key", key, "--insecure-ignore-tlog", "--allow-http-registry"];
    return (await run(cosign, [...command, ...how, image.pinned])).code === 0;
  }

  async function weSay(
    role: "release" | "scanner" | "builder",
    key: string,
    image: PushedImage,
  ): Promise<ImageEvidence> {
    const client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
    try {
      const signal = AbortSignal.timeout(10_000);
      return await collectImageEvidence(image.pinned, [{ name: "one", role, key }], { registry: client }, signal);
    } finally {
      await client.close();
    }
  }

  describe.each(KINDS)("of a signature by a %s key", (kind) => {
    describe.each(FORMS)("in the %s form", (form) => {
      let signed: PushedImage;
      beforeAll(async () => {
        signed = await push(`${kind} ${form}`);
        await sign(kind, form, signed);
      }, START_MS);

      it.each(CASES)("that %s", async (_, good, done) => {
        const image = await arrange(`${kind} ${form}`, signed, form, "sig", done);
        const own = signers.get(kind) as Signer;
        const key = done.otherKey === true ? stranger : own;
        const path = done.otherKey === true ? at("stranger.pub") : at(kind, "key.pub");
        const { signatures } = await weSay("release", key.publicKeyPem, image);
        const theirs = await cosignSays(["verify"], path, image);
        expect({ we: signatures.kind, cosign: theirs }).toEqual({ we: good ? "found" : "absent", cosign: good });
      });
    });
  });

  const TYPES = [
    ["vuln", "https://cosign.sigstore.dev/attestation/vuln/v1"],
    ["spdxjson", "https://spdx.dev/Document"],
    ["cyclonedx", "https://cyclonedx.org/bom"],
    ["slsaprovenance1", "https://slsa.dev/provenance/v1"],
    ["slsaprovenance02", "https://slsa.dev/provenance/v0.2"],
  ] as const;
  const PREDICATES: Readonly<Record<(typeof TYPES)[number][0], object>> = {
    vuln: {
      invocation: {},
      scanner: { uri: "pkg:x", version: "1", db: {}, result: { findings: [] } },
      metadata: { scanStartedOn: "2026-03-01T11:00:00Z", scanFinishedOn: "2026-03-01T11:00:00Z" },
    },
    spdxjson: { spdxVersion: "SPDX-2.3", SPDXID: "SPDXRef-DOCUMENT", name: "x" },
    cyclonedx: { bomFormat: "CycloneDX", specVersion: "1.5" },
    slsaprovenance1: {
      buildDefinition: { buildType: "https://x.test", externalParameters: {}, resolvedDependencies: [] },
      runDetails: { builder: { id: "https://builder.test" } },
    },
    slsaprovenance02: { builder: { id: "https://builder.test" }, buildType: "https://x.test" },
  };

  describe.each(TYPES)("of an attestation of type %s", (type, predicateType) => {
    describe.each(FORMS)("in the %s form", (form) => {
      const content = `${type} ${form}`;
      let attested: PushedImage;
      beforeAll(async () => {
        attested = await push(content);
        const predicate = at(`${type}.json`);
        writeFileSync(predicate, JSON.stringify(PREDICATES[type]));
        await make(["attest", "--type", type, "--predicate", predicate], "p256", form, attested);
      }, START_MS);

      it.each(CASES)("that %s", async (_, good, done) => {
        const image = await arrange(content, attested, form, "att", done);
        const key = done.otherKey === true ? stranger : (signers.get("p256") as Signer);
        const path = done.otherKey === true ? at("stranger.pub") : at("p256", "key.pub");
        const role = type === "vuln" ? "scanner" : "builder";
        const { attestations, scan, signatures } = await weSay(role, key.publicKeyPem, image);
        const theirs = await cosignSays(["verify-attestation", "--type", type], path, image);
        expect({ we: attestations?.kind, cosign: theirs }).toEqual({ we: good ? "found" : "absent", cosign: good });
        if (good) expect(attestations).toMatchObject({ value: [{ predicateType, signer: "one", role }] });
        expect(scan.kind).toBe(good && type === "vuln" ? "found" : "absent");
        expect(signatures.kind).toBe("absent");
      });
    });
  });
});
