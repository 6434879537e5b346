import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { collectImageEvidence } from "../../core/images/evidence.ts";
import { createRegistryClient } from "../../core/images/registry-client.ts";
import type { ImageEvidence } from "../../core/policy/evidence.ts";
import type { NotaryAuthority } from "../../core/policy/images/schema/authority.ts";
import { startTimestampServer } from "../support/notary/timestamp-server.ts";
import { describeWith } from "../support/parts.ts";
import {
  ANOTHER_SUBJECT,
  CLOCK,
  ENVELOPE_FORMS,
  envelopeOf,
  NOTARY_CASES,
  ROOT,
  SIGNER,
  STRICTER_CASES,
} from "./support/notary-cases.ts";
import { type Notation, type NotationSetup, prepareNotation } from "./support/notation.ts";
import { ownFolder } from "./support/program.ts";
import { type Pushed, type Pusher, pushTo } from "./support/push.ts";
import { type RunningRegistry, startDockerRegistry, startReferrersRegistry } from "./support/registries.ts";
import { type Answer, startWebhook, type Webhook } from "./support/webhook.ts";

const START_MS = 60_000;
const STORE: NotationSetup = { certificates: ROOT.pem };
const TIMED: NotationSetup = { ...STORE, timestampAuthorities: CLOCK.root.pem };

const REGISTRIES = [
  { name: "Debian's docker-registry, which has no referrers API", part: "docker-registry" },
  { name: "go-containerregistry, which has one", part: "referrers-registry" },
] as const;

describe.each(REGISTRIES)("a Notary signature, in $name", ({ part }) => {
  describeWith(["notation", part], "beside real notation", (paths) => {
    const folder = ownFolder();
    let registry: RunningRegistry;
    let signer: Notation;

    beforeAll(async () => {
      registry =
        part === "docker-registry"
          ? await startDockerRegistry(paths[part], folder.path)
          : await startReferrersRegistry(paths[part]);
      const key = SIGNER.leaf.key.export({ format: "pem", type: "pkcs8" }) as string;
      const chain = SIGNER.chain.map(({ pem }) => pem).join("");
      signer = prepareNotation(paths.notation, join(folder.path, "signer"), { ...STORE, signer: { key, chain } });
    }, START_MS);

    afterAll(async () => {
      await registry?.stop();
      folder.remove();
    });

    let asked = 0;
    const referenceTo = (repository: string, { digest }: Pushed) => `${registry.host}/${repository}@${digest}`;

    /** What both say of the same image under the same trust: they must agree, and say this. */
    async function expectBoth(reference: string, good: boolean, setup: NotationSetup = STORE): Promise<ImageEvidence> {
      const theirs = await prepareNotation(paths.notation, join(folder.path, `asked-${++asked}`), setup).verify(
        reference,
      );
      const ours = await evidence(reference, setup);
      expect({ notation: theirs.good, outrider: ours.signatures.kind, theirs, ours: ours.signatures }).toMatchObject({
        notation: good,
        outrider: good ? "found" : "absent",
      });
      return ours;
    }

    async function evidence(reference: string, setup: NotationSetup): Promise<ImageEvidence> {
      const registries = [{ host: registry.host, plainHttp: true }];
      const client = createRegistryClient({ registries });
      try {
        return await collectImageEvidence(
          reference,
          [authority(setup)],
          { registry: client },
          AbortSignal.timeout(10_000),
        );
      } finally {
        await client.close();
      }
    }

    describe.each(["jws", "cose"] as const)("made by notation as %s", (format) => {
      const flags = ["--signature-format", format];
      const form = `notation-${format}`;

      it("counts, and only under a store that trusts it", async () => {
        const image = await pushTo(registry.host, `shop/signed-${format}`).image("signed");
        const reference = referenceTo(`shop/signed-${format}`, image);
        await expectBoth(reference, false);
        await signer.sign(reference, ...flags);
        const { signatures } = await expectBoth(reference, true);
        expect(signatures).toMatchObject({ value: [{ form, identity: "CN=build, O=Acme, ST=WA, C=US" }] });
        await expectBoth(reference, false, { certificates: CLOCK.root.pem });
        const revoked = await signer.fingerprints(reference);
        expect(revoked).toHaveLength(SIGNER.chain.length);
        expect((await evidence(reference, { ...STORE, revoked: revoked.slice(0, 1) })).signatures.kind).toBe("absent");
      });

      it("counts over an index, and not for an image in it that is asked for by itself", async () => {
        const push = pushTo(registry.host, `shop/index-${format}`);
        const child = await push.image("child");
        const index = await push.index([child]);
        await signer.sign(referenceTo(`shop/index-${format}`, index), ...flags);
        await expectBoth(referenceTo(`shop/index-${format}`, index), true);
        await expectBoth(referenceTo(`shop/index-${format}`, child), false);
      });

      it("counts with a timestamp from a trusted authority, which then says when it was made", async () => {
        const server = await startTimestampServer(CLOCK.leaf, { certificates: [CLOCK.leaf, CLOCK.root] });
        try {
          const image = await pushTo(registry.host, `shop/timed-${format}`).image("timed");
          const reference = referenceTo(`shop/timed-${format}`, image);
          const rootFile = join(folder.path, `clock-${format}.pem`);
          writeFileSync(rootFile, CLOCK.root.pem);
          await signer.sign(reference, ...flags, "--timestamp-url", server.url, "--timestamp-root-cert", rootFile);
          const { signatures } = await expectBoth(reference, true, TIMED);
          expect(signatures).toMatchObject({ value: [{ form, signedAtMs: expect.any(Number) }] });
          await expectBoth(reference, false, { ...STORE, timestampAuthorities: ROOT.pem });
        } finally {
          server.stop();
        }
      });
    });

    describe("at the webhook", () => {
      let webhook: Webhook;
      const notary = { trustRoot: "acme", identities: ["x509.subject: C=US, ST=WA, O=Acme, CN=build"] };
      const policy = {
        authorities: [{ name: "acme-release", role: "release", notary }],
        signatures: { require: "any" },
      };

      beforeAll(async () => {
        const match = { images: [`${registry.host}/gate/*`] };
        const trustRoots = { acme: { notary: { certificates: ROOT.pem } } };
        webhook = await startWebhook(folder.path, { ...policy, match }, [registry.host], trustRoots);
      }, START_MS);
      afterAll(() => webhook?.stop());

      async function ask(name: string, attach: (image: Pushed, push: Pusher) => Promise<void>): Promise<Answer> {
        const push = pushTo(registry.host, `gate/${name}`);
        const image = await push.image(name);
        await attach(image, push);
        return webhook.validate(referenceTo(`gate/${name}`, image));
      }

      it.each(["jws", "cose"])("is admitted as %s", async (format) => {
        const answer = await ask(format, (image) =>
          signer.sign(referenceTo(`gate/${format}`, image), "--signature-format", format),
        );
        expect(answer).toMatchObject({ allowed: true });
      });

      it("is asked for where there is none", async () => {
        const { allowed, message } = await ask("unsigned", async () => {});
        expect({ allowed, message }).toMatchObject({
          allowed: false,
          message: expect.stringContaining("IMG_UNSIGNED"),
        });
      });

      it.each([
        ["by a certificate for servers", /IMG_UNTRUSTED_SIGNER.*for code signing/s],
        ["by a namesake of the store's authority", /IMG_UNTRUSTED_SIGNER.*a chain to/s],
        ["by another subject", /IMG_UNTRUSTED_SIGNER.*CN=alone.*expected one by/s],
        ["over another image", /IMG_UNTRUSTED_SIGNER.*over another image/s],
        ["that has expired", /IMG_UNTRUSTED_SIGNER.*expired at/s],
      ])("%s is refused, and the answer says why", async (given, why) => {
        const one =
          [...NOTARY_CASES, ANOTHER_SUBJECT].find((candidate) => candidate.given === given) ?? ANOTHER_SUBJECT;
        const { allowed, message } = await ask(given.replaceAll(/\W/g, "-"), (image, push) =>
          push.notarySignature(image, "application/cose", envelopeOf(one, image, "application/cose")),
        );
        expect({ allowed, message }).toMatchObject({ allowed: false, message: expect.stringMatching(why) });
      });
    });

    describe.each(ENVELOPE_FORMS)("as %s", (mediaType) => {
      async function attach(one: (typeof NOTARY_CASES)[number], repository: string): Promise<string> {
        const push = pushTo(registry.host, repository);
        const image = await push.image(`${one.given} ${mediaType}`);
        await push.notarySignature(image, mediaType, envelopeOf(one, image, mediaType));
        return referenceTo(repository, image);
      }

      it.each(NOTARY_CASES)("$given is good: $good", async (one) => {
        await expectBoth(await attach(one, "shop/cases"), one.good, one.setup);
      });

      it("counts in another repository too, since nothing in it names one, and never for another image", async () => {
        const [from, to] = [pushTo(registry.host, "shop/from"), pushTo(registry.host, "shop/to")];
        const image = await from.image(`moved ${mediaType}`);
        const other = await to.image(`other ${mediaType}`);
        const envelope = envelopeOf({ given: "", good: true }, image, mediaType);
        await to.image(`moved ${mediaType}`);
        for (const [push, subject] of [
          [from, image],
          [to, image],
          [to, other],
        ] as const)
          await push.notarySignature(subject, mediaType, envelope);
        await expectBoth(referenceTo("shop/from", image), true);
        await expectBoth(referenceTo("shop/to", image), true);
        await expectBoth(referenceTo("shop/to", other), false);
      });

      it.each(STRICTER_CASES)("$given is refused by us, whatever notation says", async (one) => {
        const ours = await evidence(await attach(one, "shop/stricter"), STORE);
        expect(ours.signatures).toMatchObject({ kind: "absent", why: expect.stringContaining("Notary signature") });
      });
    });
  });
});

/** The same trust as notation is given, as a policy resolves it. */
function authority(setup: NotationSetup): NotaryAuthority {
  const {
    certificates,
    signingAuthorities,
    timestampAuthorities,
    verifyTimestamp,
    revoked,
    identities = ["*"],
  } = setup;
  const root = {
    ...(certificates && { certificates }),
    ...(signingAuthorities && { signingAuthorities }),
    ...(timestampAuthorities && { timestampAuthorities }),
    ...(verifyTimestamp && { verifyTimestamp }),
    ...(revoked && { revoked: revoked.map((one) => one.toLowerCase()) }),
  };
  return { name: "release", role: "release", notary: { trustRoot: "acme", identities: [...identities], root } };
}
