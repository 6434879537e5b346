import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { pushBlob, pushManifest } from "../../../cli/demo/registry/push.ts";
import { type PushedImage, pushImage, pushIndex } from "../../../cli/demo/registry/registry.ts";
import { attachBundle, attachReferrer } from "../../../cli/demo/signing/bundle.ts";
import {
  attest,
  attestVuln,
  generateSigner,
  type KeyKind,
  signBundle,
  signCosignSimple,
} from "../../../cli/demo/signing/signing.ts";
import { statementAbout } from "../../../cli/demo/signing/statement.ts";
import { collectImageEvidence } from "../../../core/images/evidence.ts";
import { ARTIFACTS_PER_IMAGE } from "../../../core/images/limits.ts";
import {
  COSIGN_SIGN_PREDICATE,
  COSIGN_VULN_PREDICATE,
  DSSE_ENVELOPE,
  OCI_EMPTY,
  OCI_INDEX,
  OCI_MANIFEST,
  SIGSTORE_BUNDLE,
} from "../../../core/images/media-types.ts";
import { createRegistryClient, type RegistryClient } from "../../../core/images/registry-client.ts";
import type { ImageEvidence, ScanResult } from "../../../core/policy/evidence.ts";
import type { Authority } from "../../../core/policy/images/schema/image-policy-schema.ts";
import {
  dawdle,
  dropReferrers,
  type FaultyRegistry,
  floodReferrers,
  fromTimes,
  on,
  serve,
  startFaultyRegistry,
  status,
  truncate,
} from "../../support/registry-of-faults.ts";

const release = generateSigner("acme-release");
const second = generateSigner("acme-second");
const scanner = generateSigner("acme-scanner");
const stranger = generateSigner("stranger");
const authorities: readonly Authority[] = [
  { name: "acme-release", role: "release", key: release.publicKeyPem },
  { name: "acme-second", role: "release", key: second.publicKeyPem },
  { name: "acme-scanner", role: "scanner", key: scanner.publicKeyPem },
];
const FINISHED = Date.parse("2026-03-01T10:00:00Z");
const SCAN = {
  findings: [{ id: "CVE-2026-1", severity: "high", package: "pkg:apk/alpine/ssl@1" }],
  finishedAtMs: FINISHED,
} as const;

let registry: FaultyRegistry;
let client: RegistryClient;
let count = 0;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }], requestDeadlineMs: 300 });
});
afterEach(() => registry.calm());
afterAll(async () => {
  await client.close();
  await registry.close();
});

/** A fresh image of its own digest. */
const push = (repository = "shop/web", architecture: "amd64" | "arm64" = "amd64") =>
  pushImage(registry, { repository, tag: `t${++count}`, architecture });
/** One image a platform. */
const pushPair = async () => [await push(), await push("shop/web", "arm64")] as const;

const collect = (image: PushedImage | string, who = authorities): Promise<ImageEvidence> => {
  const reference = typeof image === "string" ? image : image.pinned;
  return collectImageEvidence(reference, who, { registry: client }, AbortSignal.timeout(5000));
};
const signers = async (image: PushedImage, who = authorities) => {
  const { signatures } = await collect(image, who);
  return signatures.kind === "found" ? signatures.value.map(({ signer, form }) => `${signer} ${form}`) : signatures;
};
const absent = (why: string | RegExp) => ({ kind: "absent", why: expect.stringMatching(why) });

describe("a signature counts", () => {
  it("in cosign's simple-signing form", async () => {
    const image = await push();
    await signCosignSimple(registry, image, release);
    expect(await signers(image)).toEqual(["acme-release cosign-simple"]);
  });

  it("as a Sigstore bundle among the referrers", async () => {
    const image = await push();
    await signBundle(registry, image, release);
    expect(await signers(image)).toEqual(["acme-release bundle-v0.3"]);
  });

  it("as a bundle under the fallback tag of a registry without the referrers API", async () => {
    const image = await push();
    registry.inject(on(/referrers/, status(404)), ({ reply }) => ({
      ...reply,
      headers: { ...reply.headers, "oci-subject": "" },
    }));
    await signBundle(registry, image, release);
    await attestVuln(registry, image, scanner, SCAN);
    expect(await signers(image)).toEqual(["acme-release bundle-v0.3"]);
    expect((await collect(image)).scan.kind).toBe("found");
  });

  it("by each of two signers, in either form", async () => {
    const image = await push();
    await signCosignSimple(registry, image, release);
    await signCosignSimple(registry, image, second);
    await signBundle(registry, image, second);
    expect((await signers(image)) as string[]).toEqual(
      expect.arrayContaining(["acme-release cosign-simple", "acme-second cosign-simple", "acme-second bundle-v0.3"]),
    );
  });

  it("after a hundred foreign ones, while the cap holds", async () => {
    const image = await push();
    for (let n = 0; n < 20; n++) await attachReferrer(registry, image, new TextEncoder().encode(`{"n":${n}}`), {});
    await signBundle(registry, image, release);
    expect(await signers(image)).toEqual(["acme-release bundle-v0.3"]);
  });

  it.each(["p256", "p384", "rsa", "ed25519"] satisfies KeyKind[])(
    "with a key of kind %s, in both forms",
    async (kind) => {
      const signer = generateSigner("one", kind);
      const image = await push();
      await signCosignSimple(registry, image, signer);
      await signBundle(registry, image, signer);
      const one: Authority = { name: "one", role: "release", key: signer.publicKeyPem };
      expect((await signers(image, [one])) as string[]).toHaveLength(2);
    },
  );

  it("on an index, for every platform in it", async () => {
    const index = await pushIndex(registry, { repository: "shop/web", tag: "multi" }, await pushPair());
    await signBundle(registry, index, release);
    expect(await signers(index)).toEqual(["acme-release bundle-v0.3"]);
  });

  it("on every platform of an index, for the index, and so does a scan of each", async () => {
    const children = await pushPair();
    const index = await pushIndex(registry, { repository: "shop/web", tag: "multi" }, children);
    for (const child of children) {
      await signBundle(registry, child, release);
      await attestVuln(registry, child, scanner, SCAN);
    }
    const { signatures, scan } = await collect(index);
    expect(signatures).toMatchObject({ kind: "found", value: [{ signer: "acme-release", digest: index.digest }] });
    expect(scan).toMatchObject({
      kind: "found",
      value: { digest: index.digest, findings: [SCAN.findings[0], SCAN.findings[0]] },
    });
  });
});

describe("a signature does not count", () => {
  it("when there is none, and the answer says where it was looked for", async () => {
    const where = "among its referrers (by the API or the fallback tag) or under its .sig and .att tags";
    expect(await signers(await push())).toEqual({ kind: "absent", why: `no signature ${where}` });
  });

  it("when the registry keeps quiet about it, and the answer says so no less", async () => {
    const image = await push();
    await signBundle(registry, image, release);
    registry.inject(on(/referrers/, dropReferrers()));
    expect(await signers(image)).toEqual(
      absent(/^no signature among its referrers .* or under its \.sig and \.att tags$/),
    );
  });

  it("by a key the policy does not name", async () => {
    const image = await push();
    await signCosignSimple(registry, image, stranger);
    expect(await signers(image)).toEqual(absent(/^a signature by no key of the policy$/));
  });

  it("by the scanner's key, in either form", async () => {
    const image = await push();
    await signCosignSimple(registry, image, scanner);
    await signBundle(registry, image, scanner);
    expect(await signers(image)).toEqual(absent(/^a signature by acme-scanner, whose role is scanner$/));
  });

  it("when it is an attestation, however well signed", async () => {
    const image = await push();
    await attestVuln(registry, image, scanner, SCAN);
    expect(await signers(image)).toEqual(absent("an attestation of type vuln by acme-scanner, no signature"));
  });

  it("when it is a vuln attestation by the release key", async () => {
    const image = await push();
    await attestVuln(registry, image, release, SCAN);
    expect(await signers(image)).toEqual(
      absent("an attestation of type vuln by acme-release, whose role is release, no signature"),
    );
    expect((await collect(image)).scan.kind).toBe("absent");
  });

  it("when a release key signed some other statement", async () => {
    const image = await push();
    await attest(registry, image, release, statementAbout(image.digest, "https://slsa.dev/provenance/v1", {}));
    expect(await signers(image)).toEqual(
      absent(/attestation of type "https:\/\/slsa.dev\/provenance\/v1" by acme-release/),
    );
  });

  it("when it was made for another image and copied under this one's tag", async () => {
    const [signed, image] = [await push(), await push()];
    await signCosignSimple(registry, signed, release);
    const copy = registry.store.manifest("shop/web", `${signed.digest.replace(":", "-")}.sig`);
    registry.store.putManifest("shop/web", `${image.digest.replace(":", "-")}.sig`, copy as never);
    expect(await signers(image)).toEqual(absent(`a signature by acme-release over another image, ${signed.digest}`));
  });

  it("when its statement is about another image", async () => {
    const [signed, image] = [await push(), await push()];
    await attachBundle(registry, image, release, statementAbout(signed.digest, COSIGN_SIGN_PREDICATE, {}));
    expect(await signers(image)).toEqual(absent(/^a signature by acme-release about another image$/));
  });

  it("when its bundle refers to another image and is listed here all the same", async () => {
    const [signed, image] = [await push(), await push()];
    await signBundle(registry, signed, release);
    const descriptors = registry.store.referrers("shop/web", signed.digest);
    const body = new TextEncoder().encode(
      JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: descriptors }),
    );
    registry.inject(on(/referrers/, ({ reply }) => ({ ...reply, body })));
    expect(await signers(image)).toEqual(absent("a referrer whose subject is another image"));
  });

  it.each([
    [
      "an envelope without signatures",
      { payload: "e30=", payloadType: "application/vnd.in-toto+json", signatures: [] },
    ],
    ["an empty signature", { payload: "e30=", payloadType: "application/vnd.in-toto+json", signatures: [{ sig: "" }] }],
    [
      "a payload that is no base64",
      { payload: "%%", payloadType: "application/vnd.in-toto+json", signatures: [{ sig: "AAAA" }] },
    ],
  ])("in %s", async (_what, dsseEnvelope) => {
    const image = await push();
    const bundle = {
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint: release.hint } },
      dsseEnvelope,
    };
    await attachReferrer(registry, image, new TextEncoder().encode(JSON.stringify(bundle)), {});
    expect(await signers(image)).toEqual(absent("an attestation"));
  });

  it("when one byte of what was signed is another", async () => {
    const image = await push();
    const statement = statementAbout(image.digest, COSIGN_SIGN_PREDICATE, {});
    const { signStatement } = await import("../../../cli/demo/signing/statement.ts");
    const envelope = signStatement(statement, release) as { payload: string };
    const payload = Buffer.from(envelope.payload, "base64").toString().replace('"predicate":{}', '"predicate":[]');
    const dsseEnvelope = { ...envelope, payload: Buffer.from(payload).toString("base64") };
    const bundle = {
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: { publicKey: { hint: release.hint } },
      dsseEnvelope,
    };
    await attachReferrer(registry, image, new TextEncoder().encode(JSON.stringify(bundle)), {});
    expect(await signers(image)).toEqual(absent(/^a signature by no key of the policy$/));
  });

  it("on one platform of an index only", async () => {
    const children = await pushPair();
    await signBundle(registry, children[0], release);
    const index = await pushIndex(registry, { repository: "shop/web", tag: "multi" }, children);
    expect(await signers(index)).toMatchObject({ kind: "absent" });
  });

  it("on the first platform by one signer and on the second by the other", async () => {
    const children = await pushPair();
    await signBundle(registry, children[0], release);
    await signBundle(registry, children[1], second);
    const index = await pushIndex(registry, { repository: "shop/web", tag: "multi" }, children);
    expect(await signers(index)).toMatchObject({ kind: "absent" });
  });
});

describe("a scan is believed", () => {
  it.each(["bundle", "tag"] as const)("as a vuln attestation by the scanner's key, as a %s", async (form) => {
    const image = await push();
    await attestVuln(registry, image, scanner, { ...SCAN, databaseAtMs: FINISHED - 1000 }, form);
    expect((await collect(image)).scan).toEqual({
      kind: "found",
      value: {
        digest: image.digest,
        source: "attestation by acme-scanner",
        finishedAtMs: FINISHED,
        databaseAtMs: FINISHED - 1000,
        findings: SCAN.findings,
      },
    });
  });

  it("with Trivy's own report inside", async () => {
    const image = await push();
    const report = {
      SchemaVersion: 2,
      ArtifactName: image.pinned,
      Results: [
        {
          Target: "alpine",
          Vulnerabilities: [
            {
              VulnerabilityID: "CVE-2026-2",
              PkgName: "ssl",
              InstalledVersion: "1",
              FixedVersion: "2",
              Severity: "CRITICAL",
            },
          ],
        },
      ],
    };
    await attestVuln(registry, image, scanner, { ...SCAN, report });
    const finding = { id: "CVE-2026-2", severity: "critical", package: "ssl@1", fixedIn: "2" };
    expect((await collect(image)).scan).toMatchObject({ kind: "found", value: { findings: [finding] } });
  });

  it("the newest of several, the scan store's own among them", async () => {
    const image = await push();
    await attestVuln(registry, image, scanner, SCAN);
    await attestVuln(registry, image, scanner, { ...SCAN, finishedAtMs: FINISHED + 1 }, "tag");
    expect((await collect(image)).scan).toMatchObject({ value: { finishedAtMs: FINISHED + 1 } });
    const own: ScanResult = { digest: image.digest, source: "trivy 0.67.2", finishedAtMs: FINISHED + 2, findings: [] };
    const deps = { registry: client, ownScan: async () => own };
    const evidence = await collectImageEvidence(image.pinned, authorities, deps, AbortSignal.timeout(5000));
    expect(evidence.scan).toEqual({ kind: "found", value: own });
  });
});

describe("a scan is not believed", () => {
  const malformed: [what: string, report: unknown][] = [
    ["with a truncated Trivy report", { SchemaVersion: 2, ArtifactName: "x" }],
    ["with an empty result", {}],
    ["with no result", null],
    ["with a severity nobody knows", { findings: [{ id: "CVE-1", severity: "fatal", package: "x" }] }],
    ["with a list instead of a report", []],
  ];
  it.each(malformed)("%s", async (_what, report) => {
    const image = await push();
    const predicate = { scanner: { result: report }, metadata: { scanFinishedOn: "2026-03-01T10:00:00Z" } };
    await attest(registry, image, scanner, statementAbout(image.digest, COSIGN_VULN_PREDICATE, predicate));
    expect((await collect(image)).scan).toEqual(absent(/attestation that cannot be read/));
  });

  it("without a time it finished", async () => {
    const image = await push();
    await attest(
      registry,
      image,
      scanner,
      statementAbout(image.digest, COSIGN_VULN_PREDICATE, { scanner: { result: { findings: [] } }, metadata: {} }),
    );
    expect((await collect(image)).scan).toEqual(absent(/scanFinishedOn/));
  });

  it("attested for another image", async () => {
    const [scanned, image] = [await push(), await push()];
    const predicate = { scanner: { result: { findings: [] } }, metadata: { scanFinishedOn: "2026-03-01T10:00:00Z" } };
    await attest(registry, image, scanner, statementAbout(scanned.digest, COSIGN_VULN_PREDICATE, predicate));
    expect((await collect(image)).scan).toEqual(
      absent("an attestation of type vuln by acme-scanner about another image, no scan"),
    );
  });

  it("stored by us under another digest", async () => {
    const image = await push();
    const own: ScanResult = {
      digest: `sha256:${"0".repeat(64)}`,
      source: "trivy",
      finishedAtMs: FINISHED,
      findings: [],
    };
    const deps = { registry: client, ownScan: async () => own };
    const evidence = await collectImageEvidence(image.pinned, authorities, deps, AbortSignal.timeout(5000));
    expect(evidence.scan.kind).toBe("absent");
  });

  it("and a scan store that fails is a failure, not an absence", async () => {
    const image = await push();
    const deps = { registry: client, ownScan: () => Promise.reject(new Error("disk")) };
    const evidence = await collectImageEvidence(image.pinned, authorities, deps, AbortSignal.timeout(5000));
    expect(evidence.scan).toMatchObject({ kind: "failed", cause: { message: "disk" } });
  });
});

describe("could not find out is never not there", () => {
  const faults: [what: string, path: RegExp, fault: Parameters<typeof on>[1], code: string][] = [
    ["the referrers answer 500", /referrers/, status(500), "REGISTRY_UNAVAILABLE"],
    ["the referrers dawdle", /referrers/, dawdle(50), "REGISTRY_TIMEOUT"],
    ["the referrers are an HTML page", /referrers/, serve("<html>"), "REGISTRY_MALFORMED"],
    ["the .sig tag answers 500", /\.sig/, status(500), "REGISTRY_UNAVAILABLE"],
    ["the .att tag breaks off", /\.att/, status(502), "REGISTRY_UNAVAILABLE"],
    ["the signature's manifest breaks off", /manifests\/sha256:(?!IMAGE)/, truncate(10), "REGISTRY_UNREACHABLE"],
    ["the signature's blob breaks off", /blobs/, truncate(10), "REGISTRY_UNREACHABLE"],
    ["the signature's blob is another", /blobs/, serve("{}"), "REGISTRY_DIGEST_MISMATCH"],
  ];
  it.each(faults)("when %s", async (_what, path, fault, code) => {
    const image = await push();
    await signBundle(registry, image, release);
    const hex = image.digest.slice("sha256:".length);
    registry.inject(on(new RegExp(path.source.replace("IMAGE", hex)), fault));
    const { digest, signatures } = await collect(image);
    expect(digest.kind).toBe("found");
    if (/\.sig|\.att/.test(path.source)) expect(signatures.kind).toBe("found");
    else expect(signatures).toMatchObject({ kind: "failed", cause: { code } });
  });

  it("when only the .sig tag could tell and it answers 500", async () => {
    const image = await push();
    registry.inject(on(/\.sig/, status(500)));
    expect((await collect(image)).signatures).toMatchObject({
      kind: "failed",
      cause: { code: "REGISTRY_UNAVAILABLE" },
    });
  });

  it("when the manifest itself is another: everything has failed, with the reason", async () => {
    const image = await push();
    registry.tamper(image.digest, new TextEncoder().encode("{}"));
    const evidence = await collect(image);
    const failed = { kind: "failed", cause: expect.objectContaining({ code: "REGISTRY_DIGEST_MISMATCH" }) };
    expect(evidence).toMatchObject({ digest: failed, signatures: failed, scan: failed });
  });

  it("when the reference is none", async () => {
    expect((await collect("Nginx")).digest).toMatchObject({ kind: "failed", cause: { code: "REF_INVALID" } });
  });

  it("when an authority's key is unusable", async () => {
    const image = await push();
    const broken: Authority = {
      name: "x",
      role: "release",
      key: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    };
    expect((await collect(image, [broken])).signatures).toMatchObject({
      kind: "failed",
      cause: { code: "IMAGE_KEY_INVALID" },
    });
  });
});

describe("a tag that moves", () => {
  it("is judged by what it led to at each reading, never by what it led to before", async () => {
    const [signed, swapped] = [await push(), await push()];
    await signBundle(registry, signed, release);
    const { bytes, mediaType, digest } = registry.store.manifest("shop/web", swapped.digest) as NonNullable<
      ReturnType<typeof registry.store.manifest>
    >;
    const headers = { "content-type": mediaType, "docker-content-digest": digest };
    registry.inject(
      on(
        new RegExp(`manifests/${signed.tag}$`),
        fromTimes(2, () => ({ status: 200, headers, body: bytes })),
      ),
    );
    const [first, then] = [await collect(signed.reference), await collect(signed.reference)];
    expect([first.digest, first.signatures.kind]).toEqual([{ kind: "found", value: signed.digest }, "found"]);
    expect([then.digest, then.signatures.kind]).toEqual([{ kind: "found", value: swapped.digest }, "absent"]);
  });

  it("cannot take a pinned reference with it", async () => {
    const image = await push();
    await signBundle(registry, image, release);
    registry.inject(on(new RegExp(`manifests/${image.digest}$`), fromTimes(2, serve("{}"))));
    expect((await collect(`${image.reference}@${image.digest}`)).digest.kind).toBe("found");
    expect((await collect(`${image.reference}@${image.digest}`)).digest).toMatchObject({
      cause: { code: "REGISTRY_DIGEST_MISMATCH" },
    });
  });
});

describe("an image that is not there", () => {
  it("is absent in every respect", async () => {
    const evidence = await collect(`${registry.host}/shop/none:1`);
    expect([evidence.digest.kind, evidence.signatures.kind, evidence.scan.kind]).toEqual([
      "absent",
      "absent",
      "absent",
    ]);
  });
});

describe("a flood", () => {
  it("of referrers is cut off, and the answer says so", async () => {
    const image = await push();
    registry.inject(on(/referrers/, floodReferrers(40)));
    expect((await collect(image)).signatures).toMatchObject({
      why: expect.stringContaining(`more than ${ARTIFACTS_PER_IMAGE} referrers`),
    });
    expect(registry.requests.length).toBeLessThan(ARTIFACTS_PER_IMAGE + 20);
  });

  it("of signatures under the .sig tag does not hide one made early", async () => {
    const image = await push();
    await signCosignSimple(registry, image, release);
    for (let n = 0; n < 40; n++) await signCosignSimple(registry, image, stranger);
    expect(await signers(image)).toEqual(["acme-release cosign-simple"]);
  });
});

describe("a flood of evidence that anybody may push", () => {
  const zeroes = (length: number) => Buffer.alloc(length, "0").toString("base64");
  const signed = (signatures: number) => ({
    payloadType: "application/vnd.in-toto+json",
    payload: zeroes(11_000_000),
    signatures: Array.from({ length: signatures }, () => ({ sig: zeroes(64), keyid: "" })),
  });
  const encode = (value: object) => new TextEncoder().encode(JSON.stringify(value));

  it("holds nothing else up: megabytes by a stranger are not read", async () => {
    const image = await push();
    const verificationMaterial = { publicKey: { hint: "" } };
    const bundle = { mediaType: SIGSTORE_BUNDLE, verificationMaterial, dsseEnvelope: signed(1) };
    await attachReferrer(registry, image, encode(bundle), {});
    const patient = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
    const { signatures } = await collectImageEvidence(
      image.pinned,
      authorities,
      { registry: patient },
      new AbortController().signal,
    );
    await patient.close();
    expect(signatures).toEqual(absent("an attestation of 11000000 bytes by no key of the policy"));
  });

  it("and is refused when checking it would cost more than it can be worth", async () => {
    const image = await push();
    const config = await pushBlob(registry, image.repository, OCI_EMPTY, encode({}));
    const layer = await pushBlob(registry, image.repository, DSSE_ENVELOPE, encode(signed(16)));
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers: [layer] };
    await pushManifest(registry, image.repository, manifest, `${image.digest.replace(":", "-")}.att`);
    expect((await collect(image)).signatures).toEqual(absent("too many signatures for its size"));
  });
});
