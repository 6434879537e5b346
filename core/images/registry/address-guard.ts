import { isIP, type LookupFunction } from "node:net";
import { CodedError } from "../../base/errors.ts";
import { IMAGES_ERRORS } from "../errors.ts";
import { reachOf } from "./reserved-addresses.ts";
import { nameServerResolver, type Resolver, systemResolver } from "./resolvers.ts";

/**
 * Who is being connected to. A pod's author chooses the reference, so an unguarded client would ask this machine's own
 * services, the cluster's and the cloud's metadata for him.
 *
 *   configured  the operator named the host: private networks and loopback are fine, link-local and metadata are not
 *   unknown     anybody may have named the host: public addresses only
 */
export type Acquaintance = "configured" | "unknown";

export interface AddressGuard {
  /** For a connection: resolves once and refuses the whole answer when one address of it is refused. */
  readonly lookup: LookupFunction;
  /** The address a connection ended at. @throws {CodedError} REGISTRY_ADDRESS_REFUSED */
  checkPeer(hostname: string, address: string | undefined): void;
}

/** @param resolve  of every host; when left out, the system's for configured hosts, and name servers for the others */
export function guardAddresses(acquaintance: Acquaintance, resolve?: Resolver): AddressGuard {
  const addressesOf = resolve ?? (acquaintance === "configured" ? systemResolver : nameServerResolver());
  const refused = (address: string) => {
    const reach = reachOf(address);
    return acquaintance === "configured" ? reach === "never" : reach !== "public";
  };
  return {
    lookup: (hostname, options, callback) => {
      addressesOf(hostname).then(
        (addresses) => {
          const bad = addresses.find(({ address }) => refused(address));
          const [first] = addresses;
          if (bad !== undefined) return callback(refusal(`${hostname} (${bad.address})`), "", 0);
          if (first === undefined) return callback(new Error(`${hostname} has no address`), "", 0);
          if (options.all === true) return callback(null, [...addresses]);
          return callback(null, first.address, first.family);
        },
        (error: Error) => callback(error, "", 0),
      );
    },
    checkPeer: (hostname, address) => {
      const literal = isIP(bare(hostname)) !== 0;
      if (literal && acquaintance === "configured") return;
      if (address === undefined || refused(address)) throw refusal(`${hostname} (${address ?? "no address"})`);
    },
  };
}

/** A host written as an address, or as a name for this machine. @throws {CodedError} REGISTRY_ADDRESS_REFUSED */
export function refuseReservedHost(url: URL): void {
  const host = bare(url.hostname);
  const local = host === "localhost" || host.endsWith(".localhost");
  if (isIP(host) === 0 ? local : reachOf(host) !== "public") throw refusal(host);
}

function bare(hostname: string): string {
  return hostname.replace(/^\[|\]$/g, "");
}

function refusal(host: string): CodedError {
  return new CodedError(
    "REGISTRY_ADDRESS_REFUSED",
    `${host}: is a reserved address and not a configured registry`,
    IMAGES_ERRORS.REGISTRY_ADDRESS_REFUSED.fix,
  );
}
