import { messageOf } from "../../base/errors.ts";
import type { Digest, Discovered, Signature } from "../../policy/evidence.ts";
import type { Artifact } from "../claims/artifact.ts";
import { judgeIdentity } from "./identities.ts";
import { judgePayload, type SignedTarget } from "./payload.ts";
import { quoted, Refused, refuse } from "./refusal.ts";
import { type NotarySignature, readNotarySignature } from "./signature.ts";
import type { NotaryStore } from "./store.ts";
import { judgeTime } from "./trusted-time.ts";
import { isTrusted, judgeRevoked } from "./x509/trust-store.ts";

export type NotaryArtifact = Extract<Artifact, { kind: "notary" }>;

/** What a Notary Project signature turned out to be worth to one authority. */
export type NotaryWorth =
  | { readonly kind: "signature"; readonly value: Signature }
  | { readonly kind: "refused"; readonly why: string };

/**
 * Verifies one Notary Project signature for each authority of a policy, as `notation verify` does at the level strict.
 *
 *   signature  opened, its chain by the rules, made by the signing certificate's key
 *   store      the chain is in the authority's trust store of the signature's scheme, and nobody of it was taken back
 *   identity   the signing certificate's subject is one that the authority names
 *   time       not expired, and the chain valid when it was made
 *   payload    over this very manifest
 *
 * Offline: no authority is asked what it revoked. No repository is named in what is signed, so that none is compared.
 * Never throws: hostile bytes are a refusal with a reason.
 *
 * @see notaryproject/specifications specs/trust-store-trust-policy.md, "Signature Verification"
 */
export function verifyNotary(
  artifact: Discovered<NotaryArtifact>,
  digest: Digest,
  stores: readonly NotaryStore[],
  nowMs: number,
): readonly NotaryWorth[] {
  try {
    const signature = readNotarySignature(artifact.bytes, artifact.mediaType);
    if (stores.length === 0) return [refusal(byWhom(signature), "no authority of the policy has a Notary trust store")];
    const target = { digest, ...artifact.target };
    return stores.map((store) => verifyFor(signature, target, store, nowMs));
  } catch (thrown) {
    return [refusal("a Notary signature", reasonOf(thrown))];
  }
}

function verifyFor(signature: NotarySignature, target: SignedTarget, store: NotaryStore, nowMs: number): NotaryWorth {
  try {
    judgeStore(signature, store);
    judgeRevoked(signature.chain, store.revoked);
    judgeIdentity(signature.chain[0], store.identities);
    const time = judgeTime(signature, store, nowMs);
    judgePayload(signature.envelope.payload, target);
    if (store.role !== "release") refuse(`a role of ${store.role}`, "release, which alone signs images");
    return { kind: "signature", value: asSignature(signature, target.digest, store, time) };
  } catch (thrown) {
    return refusal(`${byWhom(signature)} for ${store.name}`, reasonOf(thrown));
  }
}

function judgeStore({ attributes, chain }: NotarySignature, store: NotaryStore): void {
  const ofAuthority = attributes.scheme === "notary.x509.signingAuthority";
  const trusted = ofAuthority ? store.signingAuthorities : store.authorities;
  if (isTrusted(chain, trusted)) return;
  const what = ofAuthority ? "signing authorities" : "certificates";
  refuse(`a chain to ${quoted(chain.at(-1)?.subjectText)}`, `one of the trust store's ${trusted.length} ${what}`);
}

function asSignature(
  { envelope, chain }: NotarySignature,
  digest: Digest,
  { name, role }: NotaryStore,
  time: ReturnType<typeof judgeTime>,
): Signature {
  return { signer: name, role, form: envelope.form, digest, identity: chain[0].subjectText, ...time };
}

function byWhom({ chain }: NotarySignature): string {
  return `a Notary signature by ${quoted(chain[0].subjectText)}`;
}

function reasonOf(thrown: unknown): string {
  return thrown instanceof Refused ? thrown.message : `it cannot be read (${messageOf(thrown).slice(0, 120)})`;
}

function refusal(what: string, why: string): NotaryWorth {
  return { kind: "refused", why: `${what}: ${why}` };
}
