import { generateKeyPairSync } from "node:crypto";
import type { Clock } from "../../core/base/clock.ts";
import type { Authority } from "../../core/identity/authority.ts";
import { listeners } from "../../core/identity/listeners.ts";
import { renewalDelayMs } from "../../core/identity/renewal.ts";
import { meshId } from "../../core/identity/spiffe-id.ts";
import type { Svid, SvidSource } from "../../core/identity/svid.ts";

export interface OwnIdentityOptions {
  readonly authority: Authority;
  /** Addresses and names clients dial the mesh by. */
  readonly hosts: readonly string[];
  readonly ttlMs: number;
  readonly clock: Clock;
}

/** Longest timer Node takes, in milliseconds. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The mesh's own SVID: issued to itself, renewed like any other and whenever the bundle changes. */
export function createOwnIdentity(options: OwnIdentityOptions): SvidSource {
  const { clock } = options;
  const changed = listeners<Svid>();
  let svid = issueToSelf(options);
  let timer: NodeJS.Timeout | undefined;
  const schedule = () => {
    clearTimeout(timer);
    timer = setTimeout(() => void renew(), Math.min(LONGEST_TIMER_MS, renewalDelayMs(svid, clock(), Math.random())));
  };
  const renew = async () => {
    svid = issueToSelf(options);
    schedule();
    changed.tell(svid);
  };
  schedule();
  return { current: () => svid, onChange: changed.add, renew, close: () => clearTimeout(timer) };
}

function issueToSelf({ authority, hosts, ttlMs }: OwnIdentityOptions): Svid {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spiffeId = meshId(authority.trustDomain);
  const der = publicKey.export({ type: "spki", format: "der" });
  const { chain, notBeforeMs, notAfterMs, serial } = authority.issue({ spiffeId, publicKey: der, ttlMs, hosts });
  return {
    certChainPem: chain.join(""),
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    bundlePem: authority.bundle().join(""),
    spiffeId,
    notBeforeMs,
    notAfterMs,
    serial,
  };
}
