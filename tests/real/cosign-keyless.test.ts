import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { pushBlob, pushManifest } from "../../cli/demo/registry/push.ts";
import { type EmbeddedRegistry, type PushedImage, pushImage, startRegistry } from "../../cli/demo/registry/registry.ts";
import { attachReferrer } from "../../cli/demo/signing/bundle.ts";
import type { Artifact } from "../../core/images/claims/artifact.ts";
import { collectImageEvidence } from "../../core/images/evidence.ts";
import {
  COSIGN_CERTIFICATE_ANNOTATION,
  COSIGN_CHAIN_ANNOTATION,
  COSIGN_REKOR_ANNOTATION,
  COSIGN_SIGN_PREDICATE,
  COSIGN_SIGNATURE_ANNOTATION,
  COSIGN_SIMPLE_SIGNING,
  COSIGN_TIMESTAMP_ANNOTATION,
  OCI_MANIFEST,
} from "../../core/images/media-types.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import type { ImageEvidence } from "../../core/policy/evidence.ts";
import type { Authority } from "../../core/policy/images/schema/authority.ts";
import type { Json, JsonRecord } from "../../core/policy/images/schema/trust-root.ts";
import { writePem } from "../../core/wire/x509/pem.ts";
import { describeWith } from "../support/parts.ts";
import { createSigstore, SIGNED_AT_MS, type Wrapping } from "../support/sigstore/authority.ts";
import { generateKeys } from "../support/sigstore/certificates.ts";
import { at, flip, type Path, withLeaf } from "../support/sigstore/mutate.ts";
import { ownFolder, run } from "./support/program.ts";
import { makeTrustedRoot } from "./support/trusted-root.ts";

const LEAF = { subject: "release@acme.test", issuer: "https://accounts.test" };

/** The authority that the other tests make evidence with, held against the real tool: what it accepts is as specified. */
describeWith(["cosign"], "real cosign and we say the same of keyless evidence", ({ cosign }) => {
  const folder = ownFolder();
  const sigstore = createSigstore();
  const stranger = createSigstore();
  let registry: EmbeddedRegistry;
  let count = 0;

  beforeAll(async () => {
    registry = await startRegistry({ host: "127.0.0.1", port: 0 });
    writeFileSync(join(folder.path, "trusted-root.json"), JSON.stringify(sigstore.trustedRoot()));
  });
  afterAll(async () => {
    await registry?.close();
    folder.remove();
  });

  const push = () =>
    pushImage(registry, { repository: `shop/of-${++count}`, tag: "1", packages: [{ name: "x", version: `${count}` }] });

  function statement({ digest }: PushedImage): object {
    const subject = [{ digest: { sha256: digest.slice("sha256:".length) } }];
    return { _type: "https://in-toto.io/Statement/v1", subject, predicateType: COSIGN_SIGN_PREDICATE, predicate: {} };
  }

  function attachBundle(image: PushedImage, bundle: JsonRecord): Promise<void> {
    const annotations = {
      "dev.sigstore.bundle.content": "dsse-envelope",
      "dev.sigstore.bundle.predicateType": COSIGN_SIGN_PREDICATE,
    };
    return attachReferrer(registry, image, Buffer.from(JSON.stringify(bundle)), annotations);
  }

  async function attachSimple(image: PushedImage, simple: Extract<Artifact, { kind: "simple" }>): Promise<void> {
    const { certificate = "", chain = "", rekorBundle, rfc3161Timestamp } = simple.material ?? {};
    const annotations = {
      [COSIGN_SIGNATURE_ANNOTATION]: simple.signature,
      [COSIGN_CERTIFICATE_ANNOTATION]: certificate,
      [COSIGN_CHAIN_ANNOTATION]: chain,
      ...(rekorBundle === undefined ? {} : { [COSIGN_REKOR_ANNOTATION]: rekorBundle }),
      ...(rfc3161Timestamp === undefined ? {} : { [COSIGN_TIMESTAMP_ANNOTATION]: rfc3161Timestamp }),
    };
    const layer = await pushBlob(registry, image.repository, COSIGN_SIMPLE_SIGNING, simple.bytes);
    const config = await pushBlob(
      registry,
      image.repository,
      "application/vnd.oci.image.config.v1+json",
      Buffer.from(JSON.stringify({ rootfs: { type: "layers", diff_ids: [layer.digest] } })),
    );
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [{ ...layer, annotations }] };
    await pushManifest(registry, image.repository, manifest, `${image.digest.replace(":", "-")}.sig`);
  }

  const who = ({ subject, issuer }: typeof LEAF) => [
    ...["--certificate-identity", subject, "--certificate-oidc-issuer", issuer],
  ];
  const root = () => ["--trusted-root", join(folder.path, "trusted-root.json"), "--allow-http-registry"];

  async function cosignSays(image: PushedImage, identity = LEAF): Promise<{ good: boolean; said: string }> {
    const { code, stderr } = await run(cosign, ["verify", ...who(identity), ...root(), image.pinned]);
    return { good: code === 0, said: stderr };
  }

  function keylessAuthority(identity = LEAF, trusted = sigstore.root()): Authority {
    return { name: "release", role: "release", keyless: { ...identity, trustRoot: "test", root: trusted } };
  }

  async function evidence(image: PushedImage, authority: Authority): Promise<ImageEvidence> {
    const client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
    try {
      return await collectImageEvidence(image.pinned, [authority], { registry: client }, AbortSignal.timeout(10_000));
    } finally {
      await client.close();
    }
  }

  async function weSay(image: PushedImage, identity = LEAF, trusted = sigstore.root()): Promise<boolean> {
    return (await evidence(image, keylessAuthority(identity, trusted))).signatures.kind === "found";
  }

  async function expectBoth(image: PushedImage, good: boolean, identity = LEAF): Promise<void> {
    const cosigns = await cosignSays(image, identity);
    expect({
      we: await weSay(image, identity),
      cosign: cosigns.good,
      said: cosigns.good === good ? "" : cosigns.said,
    }).toEqual({ we: good, cosign: good, said: "" });
  }

  const wrappings: Wrapping[] = [
    { version: 3, entries: ["dsse 0.0.1"] },
    { version: 3, entries: ["dsse 0.0.1"], timestamp: true },
    { version: 3, entries: ["hashedrekord 0.0.2"], timestamp: true },
  ];
  it.each(wrappings)("a bundle %j is good", async (how) => {
    const image = await push();
    await attachBundle(image, sigstore.bundle(sigstore.issue(LEAF), statement(image), how));
    await expectBoth(image, true);
  });

  it.each([1, 2] as const)(
    "a bundle v0.%s is good, which cosign does not look for beside images but reads as a file",
    async (version) => {
      const image = await push();
      const bundle = sigstore.bundle(sigstore.issue(LEAF), statement(image), { version });
      await attachBundle(image, bundle);
      const file = join(folder.path, `bundle-${version}.json`);
      writeFileSync(file, JSON.stringify(bundle));
      const how = [
        "--bundle",
        file,
        "--digest",
        image.digest.slice("sha256:".length),
        "--digestAlg",
        "sha256",
        "--type",
        COSIGN_SIGN_PREDICATE,
      ];
      const trusted = ["--trusted-root", join(folder.path, "trusted-root.json")];
      const { code, stderr } = await run(cosign, ["verify-blob-attestation", ...who(LEAF), ...trusted, ...how]);
      expect({ we: await weSay(image), cosign: code, said: code === 0 ? "" : stderr }).toEqual({
        we: true,
        cosign: 0,
        said: "",
      });
    },
  );

  it("a trusted root that cosign makes of the same keys is good", async () => {
    const image = await push();
    const how: Wrapping = { entries: ["dsse 0.0.1", "dsse 0.0.2"], timestamp: true };
    await attachBundle(image, sigstore.bundle(sigstore.issue(LEAF), statement(image), how));
    const requires = { transparencyLog: 2, timestamps: 1, sct: 1 };
    expect(
      await weSay(image, LEAF, { trustedRoot: await makeTrustedRoot(cosign, folder.path, sigstore), requires }),
    ).toBe(true);
  });

  it.each([
    ["is in the log", { entries: ["dsse 0.0.1"] }, true],
    ["is in the log, of version 2", { entries: ["hashedrekord 0.0.2"], timestamp: true }, true],
    ["is in no log", { entries: [], timestamp: true }, false],
  ] as const)("a key's signature that %s", async (_, how, good) => {
    const image = await push();
    const keys = generateKeys();
    await attachBundle(image, sigstore.bundle({ keys }, statement(image), how));
    const file = join(folder.path, `key-${count}.pub`);
    const key = writePem(keys.spki, "PUBLIC KEY");
    writeFileSync(file, key);
    const theirs = await run(cosign, ["verify", "--key", file, ...root(), image.pinned]);
    const ours = await evidence(image, { name: "release", role: "release", key, root: sigstore.root() });
    expect({ we: ours.signatures.kind, cosign: theirs.code === 0 }).toEqual({
      we: good ? "found" : "absent",
      cosign: good,
    });
  });

  it.each([
    ["is of the type asked for", "https://slsa.dev/provenance/v1", LEAF, true],
    ["is of another type", "https://spdx.dev/Document", LEAF, false],
    ["is by somebody else", "https://slsa.dev/provenance/v1", { ...LEAF, subject: "other@acme.test" }, false],
  ] as const)("an attestation that %s", async (_, predicateType, by, good) => {
    const image = await push();
    const predicate = { buildDefinition: {}, runDetails: { builder: { id: "https://builder.test" } } };
    await attachBundle(image, sigstore.bundle(sigstore.issue(by), { ...statement(image), predicateType, predicate }));
    const type = ["--type", "https://slsa.dev/provenance/v1"];
    const theirs = await run(cosign, ["verify-attestation", ...type, ...who(LEAF), ...root(), image.pinned]);
    const { attestations } = await evidence(image, keylessAuthority());
    const ours = attestations?.kind === "found" && attestations.value.some((one) => one.predicateType === type[1]);
    expect({ we: ours, cosign: theirs.code === 0 }).toEqual({ we: good, cosign: good });
  });

  it("the old form is good", async () => {
    const image = await push();
    const claim = {
      critical: {
        identity: { "docker-reference": `${registry.host}/${image.repository}` },
        image: { "docker-manifest-digest": image.digest },
        type: "cosign container image signature",
      },
      optional: null,
    };
    await attachSimple(image, sigstore.simple(sigstore.issue(LEAF), claim));
    await expectBoth(image, true);
    await expectBoth(image, false, { ...LEAF, subject: "other@acme.test" });
  });

  it.each([
    { ...LEAF, subject: "release@acme.test.evil" },
    { ...LEAF, issuer: "https://accounts.test.evil" },
  ])("%j is somebody else", async (identity) => {
    const image = await push();
    await attachBundle(image, sigstore.bundle(sigstore.issue(LEAF), statement(image)));
    await expectBoth(image, false, identity);
  });

  describe("is refused", () => {
    const material = (...rest: Path): Path => ["verificationMaterial", ...rest];
    const spoiled: [given: string, path: Path][] = [
      ["with another signature", ["dsseEnvelope", "signatures", 0, "sig"]],
      ["with another payload", ["dsseEnvelope", "payload"]],
      ["with another certificate", material("certificate", "rawBytes")],
      ["with another log entry", material("tlogEntries", 0, "canonicalizedBody")],
      ["with another promise", material("tlogEntries", 0, "inclusionPromise", "signedEntryTimestamp")],
      ["with another proof", material("tlogEntries", 0, "inclusionProof", "hashes", 0)],
    ];
    it.each(spoiled)("%s", async (_, path) => {
      const image = await push();
      const good = sigstore.bundle(sigstore.issue(LEAF), statement(image), { timestamp: true });
      const bad = withLeaf(good, path, flip(at(good, path) as string, 0.9, 0) as Json) as JsonRecord;
      await attachBundle(image, bad);
      await expectBoth(image, false);
    });

    it("with another timestamp, when nothing else says the time", async () => {
      const image = await push();
      const path = material("timestampVerificationData", "rfc3161Timestamps", 0, "signedTimestamp");
      const how: Wrapping = { entries: ["hashedrekord 0.0.2"], timestamp: true };
      const good = sigstore.bundle(sigstore.issue(LEAF), statement(image), how);
      await attachBundle(image, withLeaf(good, path, flip(at(good, path) as string, 0.9, 0) as Json) as JsonRecord);
      await expectBoth(image, false);
    });

    const late = SIGNED_AT_MS + 3_600_000;
    const others: [given: string, make: (image: PushedImage) => JsonRecord][] = [
      ["of another instance", (image) => stranger.bundle(stranger.issue(LEAF), statement(image))],
      [
        "after its certificate's end",
        (image) => sigstore.bundle(sigstore.issue(LEAF), statement(image), { atMs: late }),
      ],
      [
        "in no log",
        (image) => sigstore.bundle(sigstore.issue(LEAF), statement(image), { entries: [], timestamp: true }),
      ],
      [
        "seen by no certificate log",
        (image) => sigstore.bundle(sigstore.issue(LEAF, { sct: false }), statement(image)),
      ],
      [
        "at a time nobody vouches for",
        (image) => sigstore.bundle(sigstore.issue(LEAF), statement(image), { entries: ["hashedrekord 0.0.2"] }),
      ],
    ];
    it.each(others)("%s", async (_, make) => {
      const image = await push();
      await attachBundle(image, make(image));
      await expectBoth(image, false);
    });

    it("when it is about another image", async () => {
      const [image, other] = [await push(), await push()];
      await attachBundle(image, sigstore.bundle(sigstore.issue(LEAF), statement(other)));
      await expectBoth(image, false);
    });
  });
});
