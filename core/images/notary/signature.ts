import type { NotaryEnvelopeType } from "../claims/artifact.ts";
import { SIGNATURE_LIMIT_BYTES } from "../limits.ts";
import { algorithmOf, signedByKey } from "./algorithms.ts";
import { judgeAttributes, type SignedAttributes } from "./attributes.ts";
import { openCose } from "./cose.ts";
import type { Envelope } from "./envelope.ts";
import { openJws } from "./jws.ts";
import { quoted, refuse } from "./refusal.ts";
import { type Certificate, readCertificate } from "./x509/certificate.ts";
import { type Chain, judgeSigningChain } from "./x509/chain.ts";

/** A signature that is whole: somebody holds the key of `chain[0]` and signed this. Whether he is trusted is not known. */
export interface NotarySignature {
  readonly envelope: Envelope;
  readonly attributes: SignedAttributes;
  readonly chain: Chain;
}

/**
 * Opens a signature envelope and checks what depends on nobody's policy.
 *
 *   open        the envelope, strictly
 *   chain       its certificates, each issued by the next, by their rules
 *   algorithm   the signing key's own and no other
 *   signature   over the very bytes received
 *   attributes  what the signer said about it, by its rules
 *
 * @throws {Refused}
 */
export function readNotarySignature(bytes: Uint8Array, mediaType: NotaryEnvelopeType): NotarySignature {
  const envelope = openEnvelope(bytes, mediaType);
  const [leaf, ...authorities] = envelope.chain.map(readCertificate);
  if (leaf === undefined) return refuse("no certificate", "the signing certificate");
  const chain: Chain = [leaf, ...authorities];
  judgeSigningChain(chain);
  judgeAlgorithm(envelope, leaf);
  if (!signedByKey(leaf.key, envelope.signed, envelope.signature))
    refuse("a signature that its certificate's key did not make", "a valid one");
  return { envelope, attributes: judgeAttributes(envelope.header), chain };
}

function openEnvelope(bytes: Uint8Array, mediaType: NotaryEnvelopeType): Envelope {
  if (bytes.byteLength > SIGNATURE_LIMIT_BYTES)
    refuse(`an envelope of ${bytes.byteLength} bytes`, `${SIGNATURE_LIMIT_BYTES} at most`);
  return mediaType === "application/cose" ? openCose(bytes) : openJws(bytes);
}

/** The header may only repeat what the key says: an attacker chooses headers, not keys. */
function judgeAlgorithm({ form, algorithm }: Envelope, { key }: Certificate): void {
  const { jws, cose } = algorithmOf(key);
  const wanted = form === "notation-jws" ? jws : cose;
  if (algorithm !== wanted) refuse(`the algorithm ${quoted(algorithm)}`, `${wanted}, as the signing key is`);
}
