import { lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { CodedError } from "../../base/errors.ts";
import { IMAGES_ERRORS } from "../errors.ts";

/**
 * Addresses no image reference, redirect or token realm may lead to unless the operator configured that host: a pod's
 * author chooses the reference, so an unguarded client would ask the machine's own services and the cloud's metadata.
 * @see RFC 6890 (special-purpose addresses), RFC 4291 section 2.5 (IPv6), RFC 3927 (link-local)
 */
const RESERVED: readonly (readonly [address: string, prefix: number, family: "ipv4" | "ipv6"])[] = [
  ["0.0.0.0", 8, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["224.0.0.0", 3, "ipv4"],
  ["100.100.100.200", 32, "ipv4"],
  ["::", 128, "ipv6"],
  ["::1", 128, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["fec0::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
  ["fd00:ec2::254", 128, "ipv6"],
];

const blocked = new BlockList();
for (const [address, prefix, family] of RESERVED) blocked.addSubnet(address, prefix, family);
const EMBEDDED_IPV4 = /^(?:::ffff:|64:ff9b::)(.+)$/i;

/** True for loopback, link-local, metadata, multicast and unspecified addresses, also when written inside an IPv6 one. */
export function isReservedAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return blocked.check(address, "ipv4");
  if (family !== 6) return true;
  const inner = EMBEDDED_IPV4.exec(address)?.[1];
  if (inner !== undefined && isReservedAddress(isIP(inner) === 4 ? inner : hexPairToIpv4(inner))) return true;
  return blocked.check(address, "ipv6");
}

/** @throws {CodedError} REGISTRY_ADDRESS_REFUSED when the host is written as a reserved address */
export function refuseReservedHost(url: URL): void {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const reserved = isIP(host) === 0 ? host === "localhost" || host.endsWith(".localhost") : isReservedAddress(host);
  if (reserved) throw refused(host);
}

/** Resolves a name and refuses reserved answers at connect time, so that no later answer of the name slips through. */
export const guardedLookup: LookupFunction = (hostname, options, callback) => {
  systemLookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return callback(error, "", 0);
    const bad = addresses.find(({ address }) => isReservedAddress(address));
    if (bad !== undefined) return callback(refused(`${hostname} (${bad.address})`), "", 0);
    if (options.all === true) return callback(null, addresses);
    return callback(null, addresses[0]?.address ?? "", addresses[0]?.family ?? 4);
  });
};

function hexPairToIpv4(pair: string): string {
  const [high = 0, low = 0] = pair.split(":").map((part) => Number.parseInt(part, 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function refused(host: string): CodedError {
  return new CodedError(
    "REGISTRY_ADDRESS_REFUSED",
    `${host}: is a reserved address and not a configured registry`,
    IMAGES_ERRORS.REGISTRY_ADDRESS_REFUSED.fix,
  );
}
