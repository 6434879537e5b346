import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { describe, expect, it } from "@jest/globals";
import type { Artifact } from "../../../../core/images/claims/artifact.ts";
import { RSA_LEAST_BITS, RSA_MOST_BITS } from "../../../../core/images/keys.ts";
import { COSIGN_SIGN_PREDICATE } from "../../../../core/images/media-types.ts";
import { parseTrust } from "../../../../core/images/trust.ts";
import { verifyArtifact } from "../../../../core/images/verify.ts";
import type { Discovered } from "../../../../core/policy/evidence.ts";
import type { JsonRecord, SigstoreRoot } from "../../../../core/policy/images/schema/trust-root.ts";
import { bitString, der, integer, oid, sequence } from "../../../../core/wire/x509/der-writer.ts";
import { bundleArtifact, createSigstore, type Wrapping } from "../../../support/sigstore/authority.ts";
import { generateKeys, type KeyPair } from "../../../support/sigstore/certificates.ts";
import { withLeaf } from "../../../support/sigstore/mutate.ts";

const DIGEST = `sha256:${"a1".repeat(32)}` as const;
const sigstore = createSigstore();
const SIGNED = {
  _type: "https://in-toto.io/Statement/v1",
  subject: [{ digest: { sha256: DIGEST.slice(7) } }],
  predicateType: COSIGN_SIGN_PREDICATE,
  predicate: {},
};
const CLAIM = {
  critical: {
    identity: { "docker-reference": "registry.test/shop" },
    image: { "docker-manifest-digest": DIGEST },
    type: "cosign container image signature",
  },
};

function verify(artifact: Artifact, { publicKey }: Pick<KeyPair, "publicKey">, root?: SigstoreRoot) {
  const key = publicKey.export({ type: "spki", format: "pem" }) as string;
  const trust = parseTrust([{ name: "release", role: "release", key, ...(root === undefined ? {} : { root }) }]);
  return verifyArtifact(artifact as Discovered<Artifact>, DIGEST, trust);
}

const refused = (why: string) => [{ kind: "refused", seen: expect.any(String), why: expect.stringContaining(why) }];

describe.each(["p256", "p384", "rsa", "ed25519"] as const)("a %s key", (kind) => {
  const keys = generateKeys(kind);
  const other = generateKeys(kind);

  it.each([1, 2, 3] as const)("signs in a bundle v0.%s", async (version) => {
    const bundle = bundleArtifact(sigstore.bundle({ keys }, SIGNED, { version }));
    expect(await verify(bundle, keys)).toMatchObject([{ kind: "signature", value: { form: `bundle-v0.${version}` } }]);
    expect(await verify(bundle, other)).toEqual(refused("a signature by no key of the policy"));
  });

  it("signs in cosign's old form, with SHA-256 whatever its curve", async () => {
    const bytes = Buffer.from(JSON.stringify(CLAIM));
    const signature = sign(kind === "ed25519" ? null : "sha256", bytes, keys.privateKey).toString("base64");
    const artifact: Artifact = { kind: "simple", bytes, signature };
    const value = { form: "cosign-simple", repository: "registry.test/shop" };
    expect(await verify(artifact, keys)).toMatchObject([{ kind: "signature", value }]);
    expect(await verify({ ...artifact, bytes: Buffer.concat([bytes, Buffer.from(" ")]) }, keys)).toEqual(
      refused("by no key"),
    );
    expect(await verify(artifact, other)).toEqual(refused("by no key of the policy"));
  });
});

describe("a key", () => {
  const read = (key: KeyObject) =>
    parseTrust([{ name: "r", role: "release", key: key.export({ type: "spki", format: "pem" }) as string }]);

  it.each([
    [RSA_LEAST_BITS - 8, false],
    [RSA_LEAST_BITS, true],
    [RSA_MOST_BITS, true],
    [RSA_MOST_BITS + 8, false],
  ])("of RSA with %s bits may sign images: %s", (bits, may) => {
    const key = rsaKey(bits);
    if (may) expect(read(key).keys).toHaveLength(1);
    else expect(() => read(key)).toThrow(`an RSA key of ${bits} bits may not sign images`);
  });

  it("of RSA with which everybody could sign is refused", () => {
    expect(() => read(generateKeys("rsa of exponent 1").publicKey)).toThrow(
      "an RSA key of exponent 1 may not sign images",
    );
  });

  it.each(["P-521", "secp256k1"])("on %s is refused when it is read", (namedCurve) => {
    expect(() => read(generateKeyPairSync("ec", { namedCurve }).publicKey)).toThrow("may not sign images");
  });
});

/** Any odd number will do for a key that is only measured. @see RFC 8017 appendix A.1.1 */
function rsaKey(bits: number): KeyObject {
  const modulus = integer(Buffer.alloc(bits / 8, 0xff));
  const key = bitString(sequence(modulus, integer(Buffer.of(1, 0, 1))));
  const algorithm = sequence(oid("1.2.840.113549.1.1.1"), der(0x05));
  return createPublicKey({ key: Buffer.from(sequence(algorithm, key)), format: "der", type: "spki" });
}

describe("a key whose signatures are wanted in a log", () => {
  const keys = generateKeys();
  const wrappings: Wrapping[] = [
    { entries: ["dsse 0.0.1"] },
    { entries: ["hashedrekord 0.0.2"] },
    { entries: ["dsse 0.0.2"], timestamp: true },
  ];
  it.each(wrappings)("is believed with %j", async (how) => {
    const [worth] = await verify(bundleArtifact(sigstore.bundle({ keys }, SIGNED, how)), keys, sigstore.root());
    expect(worth).toMatchObject({ kind: "signature" });
    expect(worth).not.toHaveProperty("value.signedAtMs");
  });

  it("is believed in cosign's old form", async () => {
    const [worth] = await verify(sigstore.simple({ keys }, CLAIM), keys, sigstore.root());
    expect(worth).toMatchObject({ kind: "signature", value: { form: "cosign-simple" } });
  });

  it("is refused with a log that was retired, where nothing says that it was not yet", async () => {
    const retired = withLeaf(
      sigstore.trustedRoot(),
      ["tlogs", 1, "publicKey", "validFor", "end"],
      "2026-06-01T00:00:00Z",
    );
    const root = { ...sigstore.root(), trustedRoot: retired as JsonRecord };
    const logged = (timestamp: boolean) =>
      bundleArtifact(sigstore.bundle({ keys }, SIGNED, { entries: ["dsse 0.0.2"], timestamp }));
    expect(await verify(logged(false), keys, root)).toEqual(refused("is in use no longer"));
    expect(await verify(logged(true), keys, root)).toMatchObject([{ kind: "signature" }]);
  });

  it("is refused without an entry, with another log's, and with another signer's", async () => {
    const without = bundleArtifact(sigstore.bundle({ keys }, SIGNED, { entries: [], timestamp: true }));
    expect(await verify(without, keys, sigstore.root())).toEqual(
      refused("a signature by release, which does not verify (found entries of 0 logs"),
    );
    const elsewhere = bundleArtifact(createSigstore().bundle({ keys }, SIGNED));
    expect(await verify(elsewhere, keys, sigstore.root())).toEqual(refused("found entries of 0 logs"));
    const theirs = sigstore.bundle({ keys: generateKeys() }, SIGNED)["verificationMaterial"] ?? null;
    const swapped = bundleArtifact({ ...sigstore.bundle({ keys }, SIGNED), verificationMaterial: theirs });
    expect(await verify(swapped, keys, sigstore.root())).toEqual(refused("about another signature"));
  });
});
