import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonRecord } from "../../../core/policy/images/schema/trust-root.ts";
import { writePem } from "../../../core/wire/x509/pem.ts";
import type { createSigstore } from "../../support/sigstore/authority.ts";
import type { KeyPair } from "../../support/sigstore/certificates.ts";
import { must } from "./program.ts";

/** The trusted root of an instance as real cosign writes it from keys and certificates. */
export async function makeTrustedRoot(
  cosign: string,
  folder: string,
  { fulcio, rootCa, rekorV1, rekorV2, certificateLog, stamps }: ReturnType<typeof createSigstore>,
): Promise<JsonRecord> {
  const write = (name: string, label: string, ...der: readonly Uint8Array[]) => {
    writeFileSync(join(folder, name), der.map((one) => writePem(one, label)).join(""));
    return join(folder, name);
  };
  const since = "start-time=2025-03-01T00:00:00Z";
  const chain = (name: string, ...der: readonly Uint8Array[]) =>
    `url=https://${name},certificate-chain=${write(`${name}.pem`, "CERTIFICATE", ...der)},${since}`;
  const log = (name: string, { spki }: KeyPair) =>
    `url=https://${name},public-key=${write(`${name}.pem`, "PUBLIC KEY", spki)},${since}`;
  await must(cosign, [
    ...["trusted-root", "create", "--out", join(folder, "made.json")],
    ...["--fulcio", chain("fulcio.test", fulcio.der, rootCa.der), "--tsa", chain("timestamp.test", ...stamps.chain)],
    ...["--rekor", log(rekorV1.name, rekorV1.keys), "--ctfe", log("ctfe.test", certificateLog.keys)],
    ...["--rekor", `${log(rekorV2.name, rekorV2.keys)},origin=${rekorV2.name}`],
  ]);
  return JSON.parse(readFileSync(join(folder, "made.json"), "utf8")) as JsonRecord;
}
