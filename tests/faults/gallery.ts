import { pushBlob, pushManifest } from "../../cli/demo/registry/push.ts";
import { type PushedImage, pushImage, pushIndex } from "../../cli/demo/registry/registry.ts";
import {
  attest,
  attestVuln,
  generateSigner,
  type Signer,
  signBundle,
  signCosignSimple,
} from "../../cli/demo/signing/signing.ts";
import { statementAbout } from "../../cli/demo/signing/statement.ts";
import { DAY_MS, HOUR_MS } from "../../core/base/clock.ts";
import {
  COSIGN_SIGN_PREDICATE,
  COSIGN_SIGNATURE_ANNOTATION,
  COSIGN_SIMPLE_SIGNING,
  OCI_MANIFEST,
} from "../../core/images/media-types.ts";
import type { Digest, Severity } from "../../core/policy/evidence.ts";
import { type FaultyRegistry, startFaultyRegistry } from "../support/registry-of-faults.ts";
import { START_MS } from "./virtual-time.ts";

export const PROVENANCE = "https://slsa.dev/provenance/v1";
export const REPOSITORIES = ["shop/web", "shop/api", "base/tools"] as const;

/** The keys of the whole play. `stranger` is in no policy. */
export const KEYS = {
  "release-a": generateSigner("release-a"),
  "release-b": generateSigner("release-b", "ed25519"),
  "scanner-a": generateSigner("scanner-a"),
  "builder-a": generateSigner("builder-a"),
  stranger: generateSigner("stranger"),
} as const satisfies Record<string, Signer>;
export type KeyName = keyof typeof KEYS;

/** What is true of one image, written down by whoever made it so: nothing here was read back from a registry. */
export interface Truth {
  /** "replayed from another image": what a failure calls it. */
  readonly what: string;
  readonly repository: string;
  readonly digest: Digest;
  /** host/repository:tag and host/repository@digest */
  readonly tagged: string;
  readonly pinned: string;
  /** Who signed these very bytes; `repository` is the one the signature names, where its form names one. */
  readonly signatures: readonly { readonly key: KeyName; readonly repository?: string }[];
  readonly scans: readonly { readonly key: KeyName; readonly finishedAtMs: number; readonly worst?: Severity }[];
  readonly provenance: readonly KeyName[];
}

export interface Gallery {
  readonly registry: FaultyRegistry;
  readonly images: readonly Truth[];
  readonly of: (digest: Digest) => Truth | undefined;
}

type Told = Pick<Truth, "signatures" | "scans" | "provenance">;
/** Does something to an image and tells what is true of it now. */
type Deed = (image: PushedImage, registry: FaultyRegistry) => Promise<Partial<Told>>;

const CRITICAL = { id: "CVE-2026-1", severity: "critical", package: "pkg:apk/alpine/ssl@1" } as const;
const FRESH = START_MS - HOUR_MS;

const simple =
  (key: KeyName): Deed =>
  async (image, registry) => {
    await signCosignSimple(registry, image, KEYS[key]);
    return { signatures: [{ key, repository: image.repository }] };
  };
const bundle =
  (key: KeyName): Deed =>
  async (image, registry) => {
    await signBundle(registry, image, KEYS[key]);
    return { signatures: [{ key }] };
  };
const scan =
  (key: KeyName = "scanner-a", finishedAtMs = FRESH, worst?: Severity, form: "bundle" | "tag" = "bundle"): Deed =>
  async (image, registry) => {
    const findings = worst === undefined ? [] : [{ ...CRITICAL, severity: worst }];
    await attestVuln(registry, image, KEYS[key], { findings, finishedAtMs }, form);
    return { scans: [{ key, finishedAtMs, ...(worst === undefined ? {} : { worst }) }] };
  };
const provenance =
  (key: KeyName): Deed =>
  async (image, registry) => {
    await attest(registry, image, KEYS[key], statementAbout(image.digest, PROVENANCE, {}));
    return { provenance: [key] };
  };
/** Statements that are signed, and about another image. */
const aboutAnother =
  (key: KeyName, predicate: string): Deed =>
  async (image, registry) => {
    const other = `sha256:${"e".repeat(64)}`;
    await attest(
      registry,
      image,
      KEYS[key],
      statementAbout(other, predicate, { metadata: {}, scanner: { result: { findings: [] } } }),
    );
    return {};
  };
/** A simple signature of our making: over this text, signed over that one. */
const odd =
  (key: KeyName, payloadOf: (image: PushedImage, host: string) => object, signed = payloadOf): Deed =>
  async (image, registry) => {
    const [payload, over] = [payloadOf, signed].map((of) =>
      new TextEncoder().encode(JSON.stringify(of(image, registry.host))),
    );
    const layer = await pushBlob(registry, image.repository, COSIGN_SIMPLE_SIGNING, payload as Uint8Array);
    const signature = Buffer.from(KEYS[key].sign(over as Uint8Array)).toString("base64");
    const config = await pushBlob(
      registry,
      image.repository,
      "application/vnd.oci.image.config.v1+json",
      Buffer.from("{}"),
    );
    const layers = [{ ...layer, annotations: { [COSIGN_SIGNATURE_ANNOTATION]: signature } }];
    const manifest = { schemaVersion: 2, mediaType: OCI_MANIFEST, config, layers };
    await pushManifest(registry, image.repository, manifest, `${image.digest.replace(":", "-")}.sig`);
    return {};
  };
const payload = (digest: string, reference: string) => ({
  critical: {
    identity: { "docker-reference": reference },
    image: { "docker-manifest-digest": digest },
    type: "cosign container image signature",
  },
});
const own = (image: PushedImage, host: string) => payload(image.digest, `${host}/${image.repository}`);
const elsewhere = (image: PushedImage, host: string) => payload(image.digest, `${host}/evil/other`);

const FATES: Readonly<Record<string, readonly Deed[]>> = {
  "signed and scanned": [simple("release-a"), scan()],
  "signed in a bundle": [bundle("release-a"), scan()],
  "signed by both": [simple("release-a"), bundle("release-b"), scan()],
  "signed by the second": [simple("release-b"), scan()],
  "signed, scanned and built": [bundle("release-a"), scan(), provenance("builder-a")],
  "signed by both, scanned and built": [
    simple("release-a"),
    simple("release-b"),
    scan("scanner-a", FRESH, undefined, "tag"),
    provenance("builder-a"),
  ],
  "with a low finding": [simple("release-a"), scan("scanner-a", FRESH, "low")],
  unsigned: [scan(), provenance("builder-a")],
  "with nothing at all": [],
  "signed by a stranger": [simple("stranger"), bundle("stranger"), scan()],
  "signed by the scanner": [simple("scanner-a"), bundle("scanner-a"), scan()],
  "signed by the builder": [bundle("builder-a"), scan(), provenance("builder-a")],
  "scanned by the release key": [simple("release-a"), scan("release-a")],
  "scanned by a stranger": [bundle("release-a"), scan("stranger")],
  "never scanned": [simple("release-a"), bundle("release-b")],
  "scanned long ago": [simple("release-a"), scan("scanner-a", START_MS - 30 * DAY_MS)],
  "scanned in the future": [simple("release-a"), scan("scanner-a", START_MS + 30 * DAY_MS)],
  "with a critical finding": [
    simple("release-a"),
    bundle("release-b"),
    scan("scanner-a", FRESH, "critical"),
    provenance("builder-a"),
  ],
  "built by a stranger": [bundle("release-a"), scan(), provenance("stranger")],
  "built by the release key": [bundle("release-a"), scan(), provenance("release-a")],
  "signed over another payload": [odd("release-a", own, (image) => ({ other: image.digest })), scan()],
  "signed for another image": [
    odd("release-a", (_image, host) => payload(`sha256:${"d".repeat(64)}`, `${host}/shop/web`)),
    scan(),
  ],
  "signed by statements about another image": [
    aboutAnother("release-a", COSIGN_SIGN_PREDICATE),
    aboutAnother("builder-a", PROVENANCE),
    scan(),
  ],
};

/** No object names these; a registry may. */
const CHILD = "a child of";

/** One image of every fate in every repository, some under an index. Made once; the seeds only look at it. */
export async function openGallery(): Promise<Gallery> {
  const registry = await startFaultyRegistry();
  const images: Truth[] = [];
  let count = 0;
  const push = (repository: string, architecture: "amd64" | "arm64" = "amd64") =>
    pushImage(registry, { repository, tag: `t${++count}`, files: { "/n": String(count) }, architecture });
  const add = async (what: string, image: PushedImage, told: Told) => {
    const { repository, digest, reference: tagged, pinned } = image;
    images.push({ what, repository, digest, tagged, pinned, ...told });
  };
  for (const repository of REPOSITORIES) {
    for (const [what, deeds] of Object.entries(FATES)) {
      const image = await push(repository);
      await add(what, image, await done(deeds, image, registry));
    }
    const replayed = await push(repository);
    await odd("release-a", elsewhere)(replayed, registry);
    const told = await done([scan()], replayed, registry);
    await add("signed for another repository", replayed, {
      ...told,
      signatures: [{ key: "release-a", repository: "evil/other" }],
    });
    await addIndexes(repository, push, add, registry);
  }
  const known = new Map(images.map((one) => [one.digest, one]));
  return { registry, images: images.filter(({ what }) => !what.startsWith(CHILD)), of: (digest) => known.get(digest) };
}

/** Indexes: signed themselves; by way of all their children; of one child only; of none. */
async function addIndexes(
  repository: string,
  push: (repository: string, architecture?: "amd64" | "arm64") => Promise<PushedImage>,
  add: (what: string, image: PushedImage, told: Told) => Promise<void>,
  registry: FaultyRegistry,
): Promise<void> {
  const good = FATES["signed and scanned"] ?? [];
  const signed = [{ key: "release-a", repository }] as const;
  const scanned = [{ key: "scanner-a", finishedAtMs: FRESH }] as const;
  const nothing = { signatures: [], scans: [], provenance: [] };
  const all = { ...nothing, signatures: signed, scans: scanned };
  const strange = [simple("stranger"), scan()];
  const cases: [what: string, ofIndex: readonly Deed[], ofChildren: readonly (readonly Deed[])[], told: Told][] = [
    ["an index that is signed", good, [[], []], all],
    ["an index whose children are signed", [], [good, good], all],
    ["an index of which one child is signed", [], [good, [scan()]], { ...nothing, scans: scanned }],
    ["an index of which one child is scanned", [], [good, [simple("release-a")]], { ...nothing, signatures: signed }],
    ["an index of which a stranger signed one child", [], [strange, good], { ...nothing, scans: scanned }],
    ["an index of which nothing is signed", [], [[], []], nothing],
  ];
  for (const [what, ofIndex, ofChildren, told] of cases) {
    const children = [await push(repository, "amd64"), await push(repository, "arm64")];
    for (const [at, child] of children.entries())
      await add(`${CHILD} ${what}`, child, await done(ofChildren[at] ?? [], child, registry));
    const index = await pushIndex(registry, { repository, tag: `index-${what.replaceAll(" ", "-")}` }, children);
    await done(ofIndex, index, registry);
    await add(what, index, told);
  }
}

async function done(deeds: readonly Deed[], image: PushedImage, registry: FaultyRegistry): Promise<Told> {
  const told: Partial<Told>[] = [];
  for (const deed of deeds) told.push(await deed(image, registry));
  return {
    signatures: told.flatMap(({ signatures = [] }) => signatures),
    scans: told.flatMap(({ scans = [] }) => scans),
    provenance: told.flatMap(({ provenance: by = [] }) => by),
  };
}
