import { CodedError } from "../../base/errors.ts";
import { POLICY_ERRORS } from "../errors.ts";

/** An address as a number of `bits` width: 32 for IPv4, 128 for IPv6. */
interface Address {
  readonly value: bigint;
  readonly bits: 32 | 128;
}

/** An address range in the form `cidrContains` wants: parse once per configuration, match once per connection. */
export interface Cidr {
  readonly prefix: bigint;
  /** How far to shift an address right so that only its prefix is left. */
  readonly shift: bigint;
  readonly bits: 32 | 128;
}

const INVALID: keyof typeof POLICY_ERRORS = "NET_CIDR_INVALID";
const OCTET = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-fA-F]{1,4}$/;
const MAPPED_PREFIX = 0xffffn; // ::ffff:0:0/96, RFC 4291 section 2.5.5.2
const MAPPED_PREFIX_LENGTH = 96;
/** The longest text of an IPv6 address, "ffff:…:255.255.255.255", has 45 characters. */
const LONGEST_ADDRESS = 45;

/**
 * "10.0.0.0/8" or "fd00::/8" as a range. Host bits below the prefix are ignored.
 *
 * @throws {CodedError} NET_CIDR_INVALID
 */
export function parseCidr(text: string): Cidr {
  const [ip = "", length = "", ...rest] = text.split("/");
  const address = parseAddress(ip);
  const written = /^(?:0|[1-9]\d{0,2})$/.test(length) ? Number(length) : Number.NaN;
  const prefixLength = ip.includes(":") && address?.bits === 32 ? written - MAPPED_PREFIX_LENGTH : written;
  if (rest.length > 0 || address === undefined || !(prefixLength >= 0 && prefixLength <= address.bits)) {
    throw cidrInvalid(`${text}: not an address range`);
  }
  const shift = BigInt(address.bits - prefixLength);
  return { prefix: address.value >> shift, shift, bits: address.bits };
}

/** Whether an address lies in a range. Text that is no address lies in none; IPv4-mapped IPv6 counts as IPv4. */
export function cidrContains(cidr: Cidr, ip: string): boolean {
  const address = parseAddress(ip);
  return address !== undefined && address.bits === cidr.bits && address.value >> cidr.shift === cidr.prefix;
}

/** Whether every address of `inner` lies in `outer`. */
export function cidrCovers(outer: Cidr, inner: Cidr): boolean {
  return (
    outer.bits === inner.bits &&
    outer.shift >= inner.shift &&
    inner.prefix >> (outer.shift - inner.shift) === outer.prefix
  );
}

/** One spelling per address, so that "::FFFF:10.0.0.1", "10.0.0.1" compare equal; text that is none is returned as it is. */
export function canonicalAddress(ip: string): string {
  const address = parseAddress(ip);
  return address === undefined ? ip : `${address.bits}:${address.value.toString(16)}`;
}

export function cidrInvalid(message: string): CodedError {
  return new CodedError(INVALID, message, POLICY_ERRORS[INVALID].fix);
}

function parseAddress(text: string): Address | undefined {
  if (text.length > LONGEST_ADDRESS) return undefined;
  if (!text.includes(":")) return withBits(parseIpv4(text), 32);
  const value = parseIpv6(text);
  if (value !== undefined && value >> 32n === MAPPED_PREFIX) return { value: value & 0xffff_ffffn, bits: 32 };
  return withBits(value, 128);
}

function withBits(value: bigint | undefined, bits: 32 | 128): Address | undefined {
  return value === undefined ? undefined : { value, bits };
}

function parseIpv4(text: string): bigint | undefined {
  const octets = text.split(".");
  if (octets.length !== 4) return undefined;
  let value = 0n;
  for (const octet of octets) {
    if (!OCTET.test(octet) || Number(octet) > 255) return undefined;
    value = (value << 8n) | BigInt(octet);
  }
  return value;
}

/** @see RFC 4291 section 2.2: eight groups, one run of zero groups as "::", the last 32 bits perhaps dotted */
function parseIpv6(text: string): bigint | undefined {
  const halves = text.split("::");
  if (halves.length > 2) return undefined;
  const head = groupsOf(halves[0] ?? "");
  const tail = halves.length === 2 ? groupsOf(halves[1] ?? "") : [];
  if (head === undefined || tail === undefined) return undefined;
  const zeros = 8 - head.length - tail.length;
  if (halves.length === 2 ? zeros < 1 : zeros !== 0) return undefined;
  const groups = [...head, ...new Array<bigint>(zeros).fill(0n), ...tail];
  return groups.reduce((value, group) => (value << 16n) | group, 0n);
}

function groupsOf(text: string): bigint[] | undefined {
  if (text === "") return [];
  const parts = text.split(":");
  const groups: bigint[] = [];
  for (const [index, part] of parts.entries()) {
    if (part.includes(".") && index === parts.length - 1) {
      const dotted = parseIpv4(part);
      if (dotted === undefined) return undefined;
      groups.push(dotted >> 16n, dotted & 0xffffn);
    } else if (GROUP.test(part)) {
      groups.push(BigInt(`0x${part}`));
    } else return undefined;
  }
  return groups;
}
