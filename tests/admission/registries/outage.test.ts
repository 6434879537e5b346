import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { stringify } from "yaml";
import { readAdmissionConfig } from "../../../admission/config.ts";
import { openRegistryAccess } from "../../../admission/registries/access.ts";
import { createImageSource } from "../../../admission/sources/images.ts";
import { type PushedImage, pushImage } from "../../../cli/demo/registry/registry.ts";
import { generateSigner, signCosignSimple } from "../../../cli/demo/signing/signing.ts";
import type { Closable } from "../../../core/base/lifecycle.ts";
import { silentLog } from "../../../core/base/log.ts";
import { parseReference } from "../../../core/images/reference.ts";
import type { ImageEvidence } from "../../../core/policy/evidence.ts";
import { demandBasic, type FaultyRegistry, reset, startFaultyRegistry } from "../../support/registry-of-faults.ts";

const release = generateSigner("release");
const authorities = [{ name: "release", role: "release", key: release.publicKeyPem }] as const;
const folder = mkdtempSync(join(tmpdir(), "outrider-outage-"));
let registry: FaultyRegistry;
let mirror: FaultyRegistry;
let image: PushedImage;

beforeAll(async () => {
  registry = await startFaultyRegistry();
  mirror = await startFaultyRegistry("127.0.0.2");
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
  const copy = await pushImage(mirror, { repository: "hub/shop/web", tag: "1" });
  mirror.store.putManifest("hub/shop/web", "1", registry.store.manifest("shop/web", image.digest) as never);
  await signCosignSimple(registry, image, release);
  await signCosignSimple(mirror, { ...copy, digest: image.digest }, release);
});
afterEach(() => {
  registry.calm();
  mirror.calm();
});
afterAll(async () => {
  await Promise.all([registry.close(), mirror.close()]);
  rmSync(folder, { recursive: true, force: true });
});

/** A gate started anew with this configuration of the registry, asked for one image by its tag. */
async function collect(own: object): Promise<ImageEvidence> {
  const file = join(folder, "admission.yaml");
  const registries = [
    { host: registry.host, plainHttp: true, mirrors: [`${mirror.host}/hub`], ...own },
    { host: mirror.host, plainHttp: true },
  ];
  writeFileSync(
    file,
    stringify({
      listen: "127.0.0.3:8443",
      serverNames: ["127.0.0.3"],
      stateDir: "./state",
      caFile: "./ca.pem",
      admin: { listen: "127.0.0.3:9443" },
      policies: { folder: "./policies" },
      registries,
    }),
  );
  const open: Closable[] = [];
  const access = openRegistryAccess({ ...readAdmissionConfig(file), env: {}, log: silentLog }, (history) => {
    open.push(history);
    return history;
  });
  const source = createImageSource(access);
  open.push(source);
  const evidence = await source.collect(parseReference(image.reference), authorities, AbortSignal.timeout(5000));
  for (const one of open) await one.close();
  return evidence;
}

describe("while its registry is down", () => {
  it("an image that was seen before goes on being admitted by its tag, after a restart too", async () => {
    expect((await collect({ tagsFromMirrors: true })).digest).toEqual({ kind: "found", value: image.digest });
    registry.inject(reset());
    const evidence = await collect({ tagsFromMirrors: true });
    expect(evidence.digest).toEqual({ kind: "found", value: image.digest });
    expect(evidence.signatures).toMatchObject({ kind: "found", value: [{ signer: "release" }] });
  });

  it("it is not, where that was not allowed, and the registry is named", async () => {
    registry.inject(reset());
    expect((await collect({})).digest).toMatchObject({
      kind: "failed",
      cause: { code: "REGISTRY_UNREACHABLE", message: expect.stringContaining(registry.host) },
    });
  });
});

it("a registry is shown the credentials of its configuration", async () => {
  writeFileSync(join(folder, "password"), "s3cret\n");
  registry.inject(demandBasic("robot", "s3cret"));
  const credentials = { username: "robot", passwordFile: "./password" };
  expect((await collect({ credentials })).signatures.kind).toBe("found");
});
