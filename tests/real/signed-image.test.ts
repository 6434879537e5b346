import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { collectImageEvidence } from "../../core/images/evidence.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import type { ImageEvidence } from "../../core/policy/evidence.ts";
import { describeWith } from "../support/parts.ts";
import { type Cosign, prepareCosign } from "./support/cosign.ts";
import { writeImage } from "./support/image.ts";
import { must, ownFolder } from "./support/program.ts";
import { type RunningRegistry, startDockerRegistry, startReferrersRegistry } from "./support/registries.ts";
import { startWebhook, type Webhook } from "./support/webhook.ts";

const START_MS = 60_000;

const REGISTRIES = [
  { name: "Debian's docker-registry, which has no referrers API", part: "docker-registry" },
  { name: "go-containerregistry, which has one", part: "referrers-registry" },
] as const;

describe.each(REGISTRIES)("an image signed by real cosign, in $name", ({ part }) => {
  describeWith(["cosign", "skopeo", part], "with real tools", (paths) => {
    const folder = ownFolder();
    let registry: RunningRegistry;
    let release: Cosign;
    const images: Record<string, string> = {};

    beforeAll(async () => {
      mkdirSync(join(folder.path, "stranger"));
      [registry, release] = await Promise.all([
        part === "docker-registry"
          ? startDockerRegistry(paths[part], folder.path)
          : startReferrersRegistry(paths[part]),
        prepareCosign(paths.cosign, folder.path),
      ]);
      const stranger = await prepareCosign(paths.cosign, join(folder.path, "stranger"));
      for (const name of ["tag", "bundle", "stranger", "unsigned"]) images[name] = await push(name);
      await release.signTag(reference("tag"));
      await release.signBundle(reference("bundle"));
      await stranger.signBundle(reference("stranger"));
    }, START_MS);

    afterAll(async () => {
      await registry?.stop();
      folder.remove();
    });

    const reference = (name: string) => `${registry.host}/shop/${name}@${images[name]}`;
    const authority = () => ({ name: "release", role: "release" as const, key: release.publicKeyPem });

    function policy(): object {
      const match = { images: [`${registry.host}/shop/*`] };
      return { match, authorities: [authority()], signatures: { require: "any" }, pinDigests: true };
    }

    /** Each image has its own bytes, so that a signature of one says nothing about another. */
    async function push(name: string): Promise<string> {
      const layout = join(folder.path, `image-${name}`);
      const digest = writeImage(layout, [{ path: "etc/name", text: name }]);
      const to = `docker://${registry.host}/shop/${name}:v1`;
      await must(paths.skopeo, ["copy", "--preserve-digests", "--dest-tls-verify=false", `oci:${layout}:latest`, to]);
      return digest;
    }

    async function evidence(name: string): Promise<ImageEvidence> {
      const client = createRegistryClient({ registries: [{ host: registry.host, plainHttp: true }] });
      try {
        return await collectImageEvidence(
          reference(name),
          [authority()],
          { registry: client },
          AbortSignal.timeout(10_000),
        );
      } finally {
        await client.close();
      }
    }

    it.each([
      ["tag", "cosign-simple"],
      ["bundle", "bundle-v0.3"],
    ])("in the %s form is evidence of the form %s", async (name, form) => {
      const { signatures } = await evidence(name);
      expect(signatures).toMatchObject({ kind: "found", value: [{ signer: "release", form, digest: images[name] }] });
    });

    it.each(["unsigned", "stranger"])("is no evidence when %s", async (name) => {
      expect(await evidence(name)).toMatchObject({ digest: { kind: "found" }, signatures: { kind: "absent" } });
    });

    describe("at the webhook", () => {
      let webhook: Webhook;
      beforeAll(async () => {
        webhook = await startWebhook(folder.path, policy(), [registry.host]);
      }, START_MS);
      afterAll(() => webhook?.stop());

      it.each(["tag", "bundle"])("in the %s form is admitted by the webhook", async (name) => {
        expect(await webhook.validate(reference(name))).toEqual({ allowed: true, message: expect.any(String) });
      });

      it("is refused by its tag alone, which may name other bytes by the time it is pulled", async () => {
        const { allowed, message } = await webhook.validate(`${registry.host}/shop/bundle:v1`);
        expect({ allowed, message }).toMatchObject({
          allowed: false,
          message: expect.stringContaining("IMG_NOT_PINNED"),
        });
      });

      it("is refused when nobody signed it", async () => {
        const { allowed, message } = await webhook.validate(reference("unsigned"));
        expect({ allowed, message }).toMatchObject({
          allowed: false,
          message: expect.stringContaining("IMG_UNSIGNED"),
        });
      });

      it("is refused when a stranger signed it", async () => {
        const { allowed, message } = await webhook.validate(reference("stranger"));
        expect({ allowed, message }).toMatchObject({
          allowed: false,
          message: expect.stringMatching(/IMG_UN(SIGNED|TRUSTED_SIGNER)/),
        });
      });
    });
  });
});
