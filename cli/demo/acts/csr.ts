import { generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { messageOf } from "../../../core/base/errors.ts";
import { askAuthority } from "../../../core/identity/ca-client.ts";
import { writeRequest } from "../../../core/identity/ca-source.ts";
import { workloadId } from "../../../core/identity/spiffe-id.ts";
import { NAMESPACE, TRUST_DOMAIN } from "../layout.ts";
import { tokenFile } from "../parts.ts";
import type { Stage } from "../stage.ts";
import type { Finding } from "../verdicts.ts";

/** Longest wait for one refusal, in milliseconds. */
const REFUSAL_DEADLINE_MS = 2_000;

/** Who asks the authority for what it may not have: without a token, and with batch's token for payments' name. */
export async function csrWithoutProof(stage: Stage): Promise<Finding> {
  const batchToken = readFileSync(tokenFile(stage.layout, "batch"), "utf8");
  const [withoutToken, otherName] = await Promise.all([
    refusalCode(stage, "", "worker"),
    refusalCode(stage, batchToken, "payments"),
  ]);
  const ok = withoutToken.includes("CA_TOKEN") && otherName.includes("CA_NAME_MISMATCH");
  return { ok, got: `no token: ${withoutToken}; other name: ${otherName}` };
}

/** The code of the refusal, or what happened instead. */
async function refusalCode(stage: Stage, token: string, serviceAccount: string): Promise<string> {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const question = {
    url: `https://${stage.layout.ca}`,
    trustDomain: TRUST_DOMAIN,
    bundlePem: readFileSync(stage.layout.bundleFile, "utf8"),
    csr: writeRequest(publicKey, privateKey, workloadId(TRUST_DOMAIN, NAMESPACE, serviceAccount)),
    token,
    signal: AbortSignal.timeout(REFUSAL_DEADLINE_MS),
  };
  try {
    await askAuthority(question);
    return "a certificate was issued";
  } catch (thrown) {
    return /CA_[A-Z]+(?:_[A-Z]+)*(?=: (?!.*CA_))/.exec(messageOf(thrown))?.[0] ?? messageOf(thrown);
  }
}
