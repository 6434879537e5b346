import { afterAll, beforeAll, expect, it } from "@jest/globals";
import { type PushedImage, pushImage, pushIndex } from "../../../cli/demo/registry/registry.ts";
import { attachReferrer } from "../../../cli/demo/signing/bundle.ts";
import { collectImageEvidence } from "../../../core/images/evidence.ts";
import { COSIGN_SIGN_PREDICATE } from "../../../core/images/media-types.ts";
import { createRegistryClient, type RegistryClient } from "../../../core/images/registry-client.ts";
import type { Authority } from "../../../core/policy/images/schema/authority.ts";
import { type FaultyRegistry, startFaultyRegistry } from "../../support/registry-of-faults.ts";
import { createSigstore } from "../../support/sigstore/authority.ts";

const ISSUER = "https://accounts.test";
const PROVENANCE = "https://slsa.dev/provenance/v1";
const sigstore = createSigstore();
const anybody = (name: string, role: string) => {
  const root = sigstore.root();
  return { name, role, keyless: { issuer: ISSUER, subjectPattern: ".+@acme.test", trustRoot: "test", root } };
};
const authorities = [anybody("team", "release"), anybody("builders", "builder")] as unknown as readonly Authority[];

let registry: FaultyRegistry;
let client: RegistryClient;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
});
afterAll(async () => {
  await client.close();
  await registry.close();
});

let count = 0;
const push = (architecture: "amd64" | "arm64") =>
  pushImage(registry, { repository: "shop/web", tag: `t${++count}`, architecture });
const state = async (image: PushedImage, who: string, predicateType: string, predicate: object = {}) => {
  const statement = {
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ digest: { sha256: image.digest.slice(7) } }],
    predicateType,
    predicate,
  };
  const bundle = sigstore.bundle(sigstore.issue({ subject: `${who}@acme.test`, issuer: ISSUER }), statement);
  await attachReferrer(registry, image, new TextEncoder().encode(JSON.stringify(bundle)), {});
};
const sign = (image: PushedImage, who: string) => state(image, who, COSIGN_SIGN_PREDICATE);
const evidenceOf = async (children: readonly PushedImage[]) => {
  const index = await pushIndex(registry, { repository: "shop/web", tag: `multi${++count}` }, children);
  return collectImageEvidence(index.pinned, authorities, { registry: client }, AbortSignal.timeout(5000));
};

it("an index is signed by whoever signed all its platforms, and by nobody who signed some", async () => {
  const children = [await push("amd64"), await push("arm64")] as const;
  await sign(children[0], "alice");
  await sign(children[0], "bob");
  await sign(children[1], "bob");
  const { signatures } = await evidenceOf(children);
  const signers = signatures.kind === "found" ? signatures.value.map(({ identity }) => identity) : [];
  expect(signers).toEqual([`bob@acme.test (issuer ${ISSUER})`]);
});

it("platforms by different people of one authority make no signed index", async () => {
  const children = [await push("amd64"), await push("arm64")] as const;
  await sign(children[0], "alice");
  await sign(children[1], "bob");
  expect((await evidenceOf(children)).signatures).toMatchObject({ kind: "absent" });
});

it("a builder and a commit are said of an index only where they are those of all its platforms", async () => {
  const children = [await push("amd64"), await push("arm64")] as const;
  const built = (builder: string, gitCommit: string) => ({
    buildDefinition: { resolvedDependencies: [{ uri: "git+https://acme.test/shop", digest: { gitCommit } }] },
    runDetails: { builder: { id: builder } },
  });
  await state(children[0], "ci", PROVENANCE, built("https://good.test", "a".repeat(40)));
  await state(children[0], "ci", PROVENANCE, built("https://laptop.test", "a".repeat(40)));
  await state(children[1], "ci", PROVENANCE, built("https://laptop.test", "b".repeat(40)));
  const { attestations } = await evidenceOf(children);
  const found = attestations?.kind === "found" ? attestations.value : [];
  const byBuilders = found.filter(({ role }) => role === "builder");
  expect(byBuilders.map(({ builder }) => builder).toSorted()).toEqual(["https://laptop.test", undefined]);
  expect(byBuilders.map(({ sourceCommit }) => sourceCommit)).toEqual([undefined, undefined]);
});
