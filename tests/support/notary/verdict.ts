import { notaryStore } from "../../../core/images/notary/store.ts";
import { type NotaryArtifact, type NotaryWorth, verifyNotary } from "../../../core/images/notary/verify-notary.ts";
import type { Digest, Discovered } from "../../../core/policy/evidence.ts";
import type { NotaryAuthority } from "../../../core/policy/images/schema/authority.ts";
import type { NotaryRoot } from "../../../core/policy/images/schema/trust-root.ts";
import type { Issued } from "./certificates.ts";
import { type SignatureWish, signCose, signJws, writeCose, writeJws } from "./envelopes.ts";

export const DIGEST: Digest = `sha256:${"ab".repeat(32)}`;

type Chain = readonly [Issued, ...Issued[]];

/** Both forms of envelope, so that every case is held against each. */
export const FORMS = [
  {
    form: "notation-jws",
    mediaType: "application/jose+json",
    write: (chain: Chain, wish: Partial<SignatureWish> = {}) => writeJws(signJws(chain, DIGEST, wish)),
  },
  {
    form: "notation-cose",
    mediaType: "application/cose",
    write: (chain: Chain, wish: Partial<SignatureWish> = {}) => writeCose(signCose(chain, DIGEST, wish)),
  },
] as const;

export type Form = (typeof FORMS)[number];

/** An authority whose store trusts this certificate for signing. */
export function trusting(
  root: Issued,
  more: Partial<NotaryRoot> = {},
  identities: readonly string[] = ["*"],
): NotaryAuthority {
  const notary = { trustRoot: "acme", identities: [...identities], root: { certificates: root.pem, ...more } };
  return { name: "release", role: "release", notary };
}

export interface Asked {
  readonly digest?: Digest;
  readonly target?: NotaryArtifact["target"];
  readonly nowMs?: number;
}

/** What the signature is worth to one authority. */
export function verdict(
  mediaType: Form["mediaType"],
  bytes: Uint8Array,
  authority: NotaryAuthority,
  { digest = DIGEST, target, nowMs = Date.now() }: Asked = {},
): NotaryWorth | undefined {
  const artifact = { kind: "notary", bytes, mediaType, ...(target && { target }) } as Discovered<NotaryArtifact>;
  return verifyNotary(artifact, digest, [notaryStore(authority)], nowMs)[0];
}
