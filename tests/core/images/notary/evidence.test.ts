import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { pushBlob, pushManifest } from "../../../../cli/demo/registry/push.ts";
import { type PushedImage, pushImage } from "../../../../cli/demo/registry/registry.ts";
import { collectImageEvidence } from "../../../../core/images/evidence.ts";
import { NOTARY_SIGNATURE, OCI_EMPTY, OCI_MANIFEST } from "../../../../core/images/media-types.ts";
import { createRegistryClient, type RegistryClient } from "../../../../core/images/registry-client.ts";
import type { ImageEvidence } from "../../../../core/policy/evidence.ts";
import { issue, named } from "../../../support/notary/certificates.ts";
import { payloadOf } from "../../../support/notary/envelopes.ts";
import { FORMS, type Form, trusting } from "../../../support/notary/verdict.ts";
import { type FaultyRegistry, startFaultyRegistry } from "../../../support/registry-of-faults.ts";

const root = issue("authority", { subject: named("root") });
const chain = [issue("leaf", { subject: named("build") }, root), root] as const;
let registry: FaultyRegistry;
let client: RegistryClient;
let count = 0;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
});
afterAll(async () => {
  await client.close();
  await registry.close();
});

const push = () => pushImage(registry, { repository: "shop/web", tag: `n${++count}` });

/** Attaches an envelope over this payload as notation does, but for what a test wants otherwise. */
async function attach(image: PushedImage, { mediaType, write }: Form, payload: string, configType = NOTARY_SIGNATURE) {
  const { repository, digest, size } = image;
  const config = await pushBlob(registry, repository, configType, Buffer.from("{}"));
  const layer = await pushBlob(registry, repository, mediaType, write(chain, { payload }));
  const subject = { mediaType: image.mediaType, digest, size };
  await pushManifest(registry, repository, {
    mediaType: OCI_MANIFEST,
    schemaVersion: 2,
    config,
    layers: [layer],
    subject,
  } as never);
}

const collect = ({ pinned }: PushedImage, authorities = [trusting(root)]): Promise<ImageEvidence> =>
  collectImageEvidence(pinned, authorities, { registry: client }, AbortSignal.timeout(10_000));

describe.each(FORMS)("an image with a $form signature in a registry", (form) => {
  it("has it among its evidence, with who signed and until when it counts", async () => {
    const image = await push();
    await attach(image, form, payloadOf(image.digest, image.size, image.mediaType));
    const { signatures } = await collect(image);
    expect(signatures).toMatchObject({
      kind: "found",
      value: [
        {
          signer: "release",
          form: form.form,
          identity: "CN=build, O=Acme, ST=WA, C=US",
          validUntilMs: expect.any(Number),
        },
      ],
    });
  });

  it.each([
    ["over another size", (image: PushedImage) => payloadOf(image.digest, image.size + 1, image.mediaType)],
    ["over another media type", (image: PushedImage) => payloadOf(image.digest, image.size, "application/json")],
    [
      "over another digest",
      (image: PushedImage) => payloadOf(`sha256:${"cd".repeat(32)}`, image.size, image.mediaType),
    ],
  ])("has none when it is %s than the registry serves", async (_, payload) => {
    const image = await push();
    await attach(image, form, payload(image));
    const { signatures, seen } = await collect(image);
    expect({ signatures, seen }).toMatchObject({
      signatures: { kind: "absent", why: expect.stringContaining("a Notary signature by") },
      seen: { signatures: 1 },
    });
  });

  it("has none when the manifest around it does not say that it is one", async () => {
    const image = await push();
    await attach(image, form, payloadOf(image.digest, image.size, image.mediaType), OCI_EMPTY);
    expect(await collect(image)).toMatchObject({ signatures: { kind: "absent" }, seen: { signatures: 0 } });
  });

  it("says so where the policy trusts no Notary authority", async () => {
    const image = await push();
    await attach(image, form, payloadOf(image.digest, image.size, image.mediaType));
    const { signatures } = await collect(image, []);
    expect(signatures).toMatchObject({ kind: "absent", why: expect.stringContaining("no authority of the policy") });
  });
});
