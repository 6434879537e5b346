import { createHash, sign } from "node:crypto";
import { octetString } from "../../../core/wire/x509/der-writer.ts";
import { extension } from "../../../core/wire/x509/writer.ts";
import { generateKeys, type Issuer, type KeyPair } from "./certificates.ts";

/** A certificate transparency log: signs what it is shown. @see RFC 6962 section 3 */
export interface CertificateLog {
  readonly keys: KeyPair;
  /** SHA-256 of its key. */
  readonly id: Buffer;
  /** The extension that proves the log has seen this certificate, when nothing but it is missing in `tbs`. */
  witness(tbs: Uint8Array, issuer: Issuer, atMs: number): Uint8Array;
}

const SCT_LIST = "1.3.6.1.4.1.11129.2.4.2";

export function createCertificateLog(): CertificateLog {
  const keys = generateKeys();
  const id = createHash("sha256").update(keys.spki).digest();
  return {
    keys,
    id,
    witness: (tbs, issuer, atMs) => {
      const issuerKeyHash = createHash("sha256").update(issuer.keys.spki).digest();
      const time = bigEndian(8, atMs);
      const entry = [
        Buffer.of(0, 0),
        time,
        bigEndian(2, 1),
        issuerKeyHash,
        bigEndian(3, tbs.length),
        tbs,
        bigEndian(2, 0),
      ];
      const signature = sign("sha256", Buffer.concat(entry), keys.privateKey);
      const sha256WithEcdsa = Buffer.of(4, 3);
      const signed = [sha256WithEcdsa, bigEndian(2, signature.length), signature];
      const sct = Buffer.concat([Buffer.of(0), id, time, bigEndian(2, 0), ...signed]);
      const list = Buffer.concat([bigEndian(2, sct.length + 2), bigEndian(2, sct.length), sct]);
      return extension(SCT_LIST, false, octetString(list));
    },
  };
}

function bigEndian(bytes: number, value: number): Buffer {
  const out = Buffer.alloc(bytes);
  for (let at = bytes - 1, rest = value; at >= 0; at--, rest = Math.floor(rest / 256)) out[at] = rest % 256;
  return out;
}
