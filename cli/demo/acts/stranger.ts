import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { HOUR_MS, systemClock } from "../../../core/base/clock.ts";
import { createAuthority } from "../../../core/identity/authority.ts";
import { workloadId } from "../../../core/identity/spiffe-id.ts";
import { NAMESPACE, POD_PORT, podUid, TRUST_DOMAIN } from "../layout.ts";
import type { Stage } from "../stage.ts";
import type { Finding } from "../verdicts.ts";

/** Longest wait for payments to hang up, in milliseconds. */
const HANG_UP_MS = 3_000;

/** Checkout's own id and pod uid, which payments would let in, in a certificate that somebody else's root signed. */
export async function strangerRefused(stage: Stage): Promise<Finding> {
  const answer = await askPayments(stage, forged(join(stage.layout.folder, "stranger")));
  return { ok: !answer.startsWith("HTTP/"), got: answer === "" ? "hung up without an answer" : answer };
}

function forged(stateDir: string): { key: string; cert: string } {
  mkdirSync(stateDir);
  const authority = createAuthority({
    trustDomain: TRUST_DOMAIN,
    stateDir,
    certificateTtlMs: HOUR_MS,
    clock: systemClock,
  });
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { chain } = authority.issue({
    spiffeId: workloadId(TRUST_DOMAIN, NAMESPACE, "worker"),
    podUid: podUid("checkout"),
    publicKey: publicKey.export({ type: "spki", format: "der" }),
    ttlMs: HOUR_MS,
  });
  return { key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(), cert: chain.join("") };
}

/** @returns the status line of an answer; empty, or the reason, when the connection ended without one */
function askPayments({ layout }: Stage, own: { key: string; cert: string }): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({
      ...own,
      host: layout.address.payments,
      port: POD_PORT.inbound,
      ca: readFileSync(layout.bundleFile, "utf8"),
      minVersion: "TLSv1.3",
      ALPNProtocols: ["http/1.1"],
      checkServerIdentity: () => undefined, // its name is a SPIFFE id, not a host
    });
    socket.setTimeout(HANG_UP_MS, () => socket.destroy(new Error("no answer, and not hung up")));
    socket.once("secureConnect", () =>
      socket.write("POST /pay HTTP/1.1\r\nhost: payments\r\ncontent-length: 0\r\n\r\n"),
    );
    socket.once("data", (bytes: Buffer) => resolve(bytes.toString("latin1").split("\r\n")[0] ?? ""));
    socket.once("error", (error) => resolve(error.message));
    socket.once("close", () => resolve(""));
  });
}
