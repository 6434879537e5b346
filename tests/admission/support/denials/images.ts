import { pushImage } from "../../../../cli/demo/registry/registry.ts";
import { signCosignSimple } from "../../../../cli/demo/signing/signing.ts";
import { DAY_MS } from "../../../../core/base/clock.ts";
import { APPROVAL_PREDICATE } from "../../../../core/policy/images/schema/image-policy-schema.ts";
import { on, schema1, wrongDigestHeader } from "../../../support/registry-of-faults.ts";
import { openShop, pod, policySpec, RELEASE, type Shop, startWebhook, type Webhook } from "../webhook.ts";
import { attestation, DIGEST, IMAGE, NOW_MS, said, scan, signature, textOf } from "./door.ts";

const PROVENANCE = "https://slsa.dev/provenance/v1";
const MONTH_AGO = { signedAtMs: NOW_MS - 30 * DAY_MS };
const found = <T>(value: T) => ({ kind: "found", value }) as const;
const wantsProvenance = (more: object = {}) => ({
  attestations: [{ predicateType: "slsa-provenance", require: "all", ...more }],
});
const wantsScan = { scan: { maxAge: "7d", refuse: ["critical"] } };

const asked = (policy: object, evidence: Parameters<typeof said>[0]["evidence"] = {}, image = IMAGE) =>
  said({ object: pod(image), policy, evidence });

/** Of evidence that the case makes up, because no registry of a test holds it. */
export const MADE_UP_DENIALS = {
  IMG_REFERENCE_INVALID: () => asked({}, {}, "ghcr.io/Acme/Web:latest release"),
  IMG_NO_POLICY: () => asked({}, {}, "nginx:1.27"),
  IMG_NOT_PINNED: () => asked({}, {}, "ghcr.io/acme/web:1.4.2"),
  IMG_SIGNERS_MISSING: () => asked({ signatures: { require: "all" } }),
  IMG_SIGNATURE_STALE: () =>
    asked({ signatures: { require: "any", maxAge: "7d" } }, { signatures: found([signature(MONTH_AGO)]) }),
  IMG_TIME_UNKNOWN: () => asked({ signatures: { require: "any", maxAge: "7d" } }),
  IMG_UNATTESTED: () => asked(wantsProvenance(), { attestations: { kind: "absent", why: "no attestation" } }),
  IMG_UNTRUSTED_ATTESTER: () =>
    asked(wantsProvenance(), { attestations: found([attestation("acme-scanner", "scanner", PROVENANCE)]) }),
  IMG_ATTESTERS_MISSING: () =>
    asked(wantsProvenance({ by: ["acme-builder", "acme-release"] }), {
      attestations: found([attestation("acme-builder", "builder", PROVENANCE)]),
    }),
  IMG_ATTESTATION_STALE: () =>
    asked(wantsProvenance({ maxAge: "7d" }), {
      attestations: found([attestation("acme-builder", "builder", PROVENANCE, MONTH_AGO)]),
    }),
  IMG_UNAPPROVED: () => asked({ approvals: { require: "any" } }),
  IMG_SELF_APPROVED: () => {
    const identity = "https://github.com/acme/web/.github/workflows/release.yaml@refs/heads/main";
    return asked(
      { approvals: { require: "any" } },
      {
        signatures: found([signature({ identity })]),
        attestations: found([attestation("acme-lead", "approver", APPROVAL_PREDICATE, { identity })]),
      },
    );
  },
  IMG_DENIED: () => asked({ deny: { digests: [DIGEST] } }),
  IMG_VERSION: () => asked({ minimumVersions: [{ image: "ghcr.io/acme/web", version: "1.5.0" }] }),
  IMG_NOT_GATHERED: () => {
    const evidence = { attestations: undefined } as unknown as Parameters<typeof said>[0]["evidence"];
    return asked(wantsProvenance(), evidence);
  },
  IMG_SCAN_STALE: () => asked(wantsScan, { scan: found(scan({ finishedAtMs: NOW_MS - 30 * DAY_MS })) }),
  IMG_SCAN_GRACE: () =>
    said({
      object: pod(IMAGE),
      policy: { scan: { ...wantsScan.scan, grace: "60d" } },
      evidence: { scan: found(scan({ finishedAtMs: NOW_MS - 30 * DAY_MS })) },
      running: [DIGEST],
    }),
  EVIDENCE_UNKNOWN: () =>
    asked(
      { mode: "warn" },
      { signatures: { kind: "failed", cause: new Error("ghcr.io/acme/web: no answer within 5 s") } },
    ),
};

/** Of images in a registry, as the service finds them. */
export async function openImageDenials() {
  const shop = await openShop();
  const spec = { ...policySpec(shop), pods: {} };
  const webhook = await startWebhook(shop, { policies: { production: spec } });
  const denied = (image: string) => async () => plain(textOf((await webhook.admit(pod(image))).answer), shop);
  return {
    denials: {
      IMG_UNSIGNED: denied(shop.images.unsigned),
      IMG_UNTRUSTED_SIGNER: denied(shop.images.stranger),
      IMG_VULNERABLE: denied(shop.images.vulnerable),
      IMG_UNSCANNED: denied(await unscanned(shop)),
      IMG_NOT_FOUND: denied(`${shop.registry.host}/shop/webb:1.0.0`),
      IMG_SCHEMA_1: faulty(shop, webhook, schema1()),
      IMG_DIGEST_MISMATCH: faulty(shop, webhook, wrongDigestHeader()),
    },
    close: async () => {
      await webhook.close();
      await shop.registry.close();
    },
  };
}

async function unscanned({ registry }: Shop): Promise<string> {
  const image = await pushImage(registry, { repository: "shop/unscanned", tag: "1.0.0", files: { "/etc/name": "x" } });
  await signCosignSimple(registry, image, RELEASE);
  return image.reference;
}

/** An image while the registry lies about its manifest. */
function faulty(shop: Shop, webhook: Webhook, fault: Parameters<typeof on>[1]): () => Promise<string> {
  return async () => {
    shop.registry.inject(on(/shop\/bundle\/manifests/, fault));
    try {
      return plain(textOf(await webhook.validate(pod(shop.images.bundle))), shop);
    } finally {
      shop.registry.calm();
    }
  };
}

/** The registry's port and the images' digests are others each time. */
function plain(text: string, { registry }: Shop): string {
  return text.replaceAll(registry.host, "registry.example").replaceAll(/sha256:[0-9a-f]{64}/g, "sha256:<digest>");
}
