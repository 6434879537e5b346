/** Leaf certificates an authority signs per second on one core, and what verifying one costs the data path. */
import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { bench, run } from "mitata";
import { HOUR_MS, systemClock } from "../core/base/clock.ts";
import { createAuthority, readSignedRequest } from "../core/identity/authority.ts";
import { writeRequest } from "../core/identity/ca-source.ts";
import { verifyPeer } from "../core/identity/verify.ts";

const stateDir = mkdtempSync(join(tmpdir(), "outrider-bench-"));
const authority = createAuthority({
  trustDomain: "bench.test",
  stateDir,
  certificateTtlMs: HOUR_MS,
  clock: systemClock,
});
const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const spiffeId = "spiffe://bench.test/ns/shop/sa/web";
const csr = writeRequest(publicKey, privateKey, spiffeId);
const request = { spiffeId, publicKey: readSignedRequest(csr).publicKey, ttlMs: HOUR_MS, podUid: "uid" };
const leaf = new X509Certificate(authority.issue(request).chain[0] ?? "");
const bundle = authority.bundle().join("");

bench("sign a leaf", () => authority.issue(request));
bench("read a request, check its proof, sign a leaf", () => {
  authority.issue({ ...request, publicKey: readSignedRequest(csr).publicKey });
});
bench("verify a peer", () => verifyPeer(leaf, bundle, "bench.test", spiffeId));
await run();
rmSync(stateDir, { recursive: true });
