import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { must, run } from "./program.ts";

/** notation's own configuration: whom to sign as, whom to trust. PEM everywhere. */
export interface NotationSetup {
  readonly signer?: { readonly key: string; readonly chain: string };
  readonly certificates?: string;
  readonly signingAuthorities?: string;
  readonly timestampAuthorities?: string;
  readonly identities?: readonly string[];
  readonly verifyTimestamp?: "always" | "afterCertExpiry";
  /** Ours alone: notation asks the authorities themselves. */
  readonly revoked?: readonly string[];
}

/** Real notation with a configuration folder of its own, kept from asking anything outside this machine. */
export interface Notation {
  sign(reference: string, ...flags: readonly string[]): Promise<void>;
  /** SHA-256 of the certificates of the image's one signature, as `notation inspect` shows them. */
  fingerprints(reference: string): Promise<string[]>;
  /** @returns whether notation holds the image for signed, and what it said */
  verify(reference: string): Promise<{ readonly good: boolean; readonly said: string }>;
}

export function prepareNotation(program: string, folder: string, setup: NotationSetup): Notation {
  const home = join(folder, "notation");
  mkdirSync(home, { recursive: true });
  if (setup.signer !== undefined) writeSigner(home, setup.signer);
  const stores = [
    ...writeStore(home, "ca", setup.certificates),
    ...writeStore(home, "signingAuthority", setup.signingAuthorities),
    ...writeStore(home, "tsa", setup.timestampAuthorities),
  ];
  writePolicy(home, setup, stores);
  const env = { XDG_CONFIG_HOME: folder, NOTATION_USERNAME: "", NOTATION_PASSWORD: "" };
  const plain = "--insecure-registry";
  return {
    sign: async (reference, ...flags) => {
      await must(program, ["sign", plain, ...flags, reference], env);
    },
    fingerprints: async (reference) => {
      const shown = await must(program, ["inspect", plain, reference], env);
      return [...shown.matchAll(/SHA256 fingerprint: ([0-9a-fA-F]+)/g)].map(([, one = ""]) => one);
    },
    verify: async (reference) => {
      const { code, stdout, stderr } = await run(program, ["verify", plain, reference], env);
      return { good: code === 0, said: `${stdout}${stderr}` };
    },
  };
}

function writeSigner(home: string, { key, chain }: NonNullable<NotationSetup["signer"]>): void {
  const keyPath = join(home, "signer.key");
  const certPath = join(home, "signer.crt");
  writeFileSync(keyPath, key, { mode: 0o600 });
  writeFileSync(certPath, chain);
  writeFileSync(
    join(home, "signingkeys.json"),
    JSON.stringify({ default: "signer", keys: [{ name: "signer", keyPath, certPath }] }),
  );
}

function writeStore(home: string, type: string, pem: string | undefined): string[] {
  if (pem === undefined) return [];
  const store = join(home, "truststore", "x509", type, "acme");
  mkdirSync(store, { recursive: true });
  writeFileSync(join(store, "store.pem"), pem);
  return [`${type}:acme`];
}

function writePolicy(
  home: string,
  { identities = ["*"], verifyTimestamp }: NotationSetup,
  trustStores: string[],
): void {
  const statement = {
    name: "all",
    registryScopes: ["*"],
    signatureVerification: { level: "strict", ...(verifyTimestamp && { verifyTimestamp }) },
    trustStores,
    trustedIdentities: identities,
  };
  writeFileSync(join(home, "trustpolicy.json"), JSON.stringify({ version: "1.0", trustPolicies: [statement] }));
}
