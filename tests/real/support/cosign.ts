import { readFileSync } from "node:fs";
import { join } from "node:path";
import { must } from "./program.ts";

const PASSWORD = { COSIGN_PASSWORD: "not-a-secret" };

/** Real cosign with one key pair, kept from asking anything outside this machine. */
export interface Cosign {
  readonly publicKeyPem: string;
  /** The `.sig` tag form: one simple-signing payload. */
  signTag(reference: string): Promise<void>;
  /** A Sigstore bundle v0.3 attached as a referrer. */
  signBundle(reference: string): Promise<void>;
  /** A statement about the image as a bundle; `predicate` is a file. */
  attest(reference: string, type: string, predicate: string): Promise<void>;
}

export async function prepareCosign(program: string, folder: string): Promise<Cosign> {
  const at = (name: string) => join(folder, name);
  const cosign = (...args: string[]) => must(program, args, PASSWORD);
  await cosign("generate-key-pair", "--output-key-prefix", at("cosign"));
  await cosign("signing-config", "create", "--out", at("signing-config.json"));
  await cosign("trusted-root", "create", "--out", at("trusted-root.json"));
  const sign = async (form: readonly string[], reference: string) => {
    await cosign("sign", "--key", at("cosign.key"), "--yes", "--allow-http-registry", ...form, reference);
  };
  const tagForm = ["--use-signing-config=false", "--new-bundle-format=false", "--tlog-upload=false"];
  const bundleForm = ["--signing-config", at("signing-config.json"), "--trusted-root", at("trusted-root.json")];
  return {
    publicKeyPem: readFileSync(at("cosign.pub"), "utf8"),
    signTag: (reference) => sign(tagForm, reference),
    signBundle: (reference) => sign(bundleForm, reference),
    attest: async (reference, type, predicate) => {
      const what = ["attest", "--key", at("cosign.key"), "--yes", "--allow-http-registry", "--type", type];
      await cosign(...what, "--predicate", predicate, ...bundleForm, reference);
    },
  };
}
