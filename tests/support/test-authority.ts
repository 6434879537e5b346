import { x509 } from "../core/identity/certificates.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR_MS = 3_600_000;

export interface KeyPair {
  readonly certPem: string;
  readonly keyPem: string;
}

/** A certificate authority for one test, made with another library than the one under test. */
export interface TestAuthority {
  readonly caPem: string;
  /** @param subject  "CN=admin, O=system:masters"; @param addresses  names and addresses it serves */
  issue(subject: string, addresses?: readonly string[]): Promise<KeyPair>;
}

export async function testAuthority(name: string): Promise<TestAuthority> {
  const keys = await newKeys();
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    ...lifetime(),
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const issue = async (subject: string, addresses: readonly string[] = []): Promise<KeyPair> => {
    const own = await newKeys();
    const names = addresses.map((value) => ({ type: typeOf(value), value }));
    const certificate = await x509.X509CertificateGenerator.create({
      subject,
      issuer: ca.subject,
      publicKey: own.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: ALGORITHM,
      ...lifetime(),
      extensions: [
        new x509.ExtendedKeyUsageExtension(["1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"]),
        ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
      ],
    });
    return { certPem: certificate.toString("pem"), keyPem: await pemOf(own.privateKey) };
  };
  return { caPem: ca.toString("pem"), issue };
}

function typeOf(name: string): "ip" | "url" | "dns" {
  if (/^[\d.]+$/.test(name)) return "ip";
  return name.includes("://") ? "url" : "dns";
}

function lifetime() {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + 24 * HOUR_MS) };
}

function newKeys(): Promise<CryptoKeyPair> {
  return crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]) as Promise<CryptoKeyPair>;
}

async function pemOf(key: CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", key), "PRIVATE KEY");
}
