import { execFileSync } from "node:child_process";
import { expect, it } from "@jest/globals";

const KEYED = `
  import { createRequire } from "node:module";
  import { createSigstore, bundleArtifact } from "./tests/support/sigstore/authority.ts";
  import { generateKeys } from "./tests/support/sigstore/certificates.ts";
  import { parseTrust } from "./core/images/trust.ts";
  import { verifyArtifact } from "./core/images/verify.ts";
  const loaded = () => Object.keys(createRequire(import.meta.url).cache).some((path) => path.includes("@sigstore/verify"));
  const digest = "sha256:" + "a1".repeat(32);
  const subject = [{ digest: { sha256: "a1".repeat(32) } }];
  const statement = { _type: "https://in-toto.io/Statement/v1", subject, predicateType: "https://sigstore.dev/cosign/sign/v1", predicate: {} };
  const sigstore = createSigstore();
  const keys = generateKeys();
  const leaf = { subject: "a@acme.test", issuer: "https://accounts.test" };
  const key = keys.publicKey.export({ type: "spki", format: "pem" });
  const byKey = { name: "key", role: "release", key };
  const byIdentity = { name: "identity", role: "release", keyless: { ...leaf, trustRoot: "t", root: sigstore.root() } };
  const verify = async (artifact, authority) => (await verifyArtifact(artifact, digest, parseTrust([authority])))[0].kind;
  const keyed = await verify(bundleArtifact(sigstore.bundle({ keys }, statement)), byKey);
  const before = loaded();
  const keyless = await verify(bundleArtifact(sigstore.bundle(sigstore.issue(leaf), statement)), byIdentity);
  console.log(JSON.stringify({ keyed, before, keyless, after: loaded() }));
`;

it("who trusts keys alone does not load the library for certificates", () => {
  const said = execFileSync(process.execPath, ["--input-type=module", "-e", KEYED], { encoding: "utf8" });
  expect(JSON.parse(said)).toEqual({ keyed: "signature", before: false, keyless: "signature", after: true });
});
