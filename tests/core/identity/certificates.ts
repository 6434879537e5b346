import "./reflect.ts";

import { webcrypto } from "node:crypto";
import type * as X509 from "@peculiar/x509";

/** Loaded late: jest evaluates CommonJS before any import of the same file. */
export const x509: typeof X509 = await import("@peculiar/x509");

x509.cryptoProvider.set(webcrypto as unknown as Crypto);

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
export const HOUR_MS = 3_600_000;

/** An authority made with another library than the one under test. */
export interface OtherAuthority {
  readonly bundlePem: string;
  readonly certificate: X509.X509Certificate;
  readonly keys: CryptoKeyPair;
}

export async function otherAuthority(name = "CN=other root", ca = true): Promise<OtherAuthority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name,
    keys,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + 24 * HOUR_MS),
    extensions: [
      new x509.BasicConstraintsExtension(ca, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return { bundlePem: `${certificate.toString("pem")}\n`, certificate, keys };
}

export interface LeafFacts {
  readonly uris?: readonly string[];
  readonly ca?: boolean;
  readonly usages?: number;
  readonly extendedUsages?: readonly string[];
  readonly notBeforeMs?: number;
  readonly notAfterMs?: number;
  readonly extra?: readonly X509.Extension[];
  readonly issuer?: OtherAuthority;
}

export const GOOD_ID = "spiffe://shop.test/ns/shop/sa/web";
export const SERVER_AUTH = "1.3.6.1.5.5.7.3.1";
export const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/** A leaf that is a valid X.509-SVID but for the facts given. */
export async function leaf(authority: OtherAuthority, facts: LeafFacts = {}): Promise<X509.X509Certificate> {
  const issuer = facts.issuer ?? authority;
  const keys = await newKeys();
  const uris = facts.uris ?? [GOOD_ID];
  return x509.X509CertificateGenerator.create({
    subject: "CN=leaf",
    issuer: issuer.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: issuer.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(facts.notBeforeMs ?? Date.now() - HOUR_MS),
    notAfter: new Date(facts.notAfterMs ?? Date.now() + HOUR_MS),
    extensions: [
      new x509.BasicConstraintsExtension(facts.ca ?? false, undefined, true),
      new x509.KeyUsagesExtension(facts.usages ?? x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...(facts.extendedUsages ?? [SERVER_AUTH, CLIENT_AUTH])]),
      ...(uris.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: "url" as const, value })))]),
      ...(facts.extra ?? []),
    ],
  });
}

/** An authority below another one. */
export async function intermediate(
  above: OtherAuthority,
  facts: { readonly ca?: boolean } = {},
): Promise<OtherAuthority> {
  const keys = await newKeys();
  const certificate = await x509.X509CertificateGenerator.create({
    subject: "CN=intermediate",
    issuer: above.certificate.subject,
    publicKey: keys.publicKey,
    signingKey: above.keys.privateKey,
    signingAlgorithm: ALGORITHM,
    notBefore: new Date(Date.now() - HOUR_MS),
    notAfter: new Date(Date.now() + HOUR_MS),
    extensions: [
      new x509.BasicConstraintsExtension(facts.ca ?? true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  return { bundlePem: certificate.toString("pem"), certificate, keys };
}

/** A certificate request as another library writes it. */
export async function otherRequest(uris: readonly string[], curve = "P-256", hash = "SHA-256"): Promise<Uint8Array> {
  const keys = await newKeys(curve);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=whoever",
    keys,
    signingAlgorithm: { name: "ECDSA", hash },
    extensions:
      uris.length === 0
        ? []
        : [new x509.SubjectAlternativeNameExtension(uris.map((value) => ({ type: "url" as const, value })))],
  });
  return new Uint8Array(request.rawData);
}

async function newKeys(namedCurve = "P-256"): Promise<CryptoKeyPair> {
  return (await webcrypto.subtle.generateKey({ name: "ECDSA", namedCurve }, true, ["sign", "verify"])) as CryptoKeyPair;
}
