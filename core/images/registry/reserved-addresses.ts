import { BlockList, isIP } from "node:net";

type Subnet = readonly [address: string, prefix: number, family: "ipv4" | "ipv6"];

/**
 * Addresses that no name may lead to, not even that of a configured registry: no registry is there, and clouds serve
 * credentials on some of them.
 * @see RFC 6890 (special-purpose addresses), RFC 4291 section 2.5 (IPv6), RFC 3927 (link-local)
 */
const NEVER: readonly Subnet[] = [
  ["0.0.0.0", 8, "ipv4"],
  ["169.254.0.0", 16, "ipv4"],
  ["192.0.0.0", 24, "ipv4"],
  ["224.0.0.0", 3, "ipv4"],
  ["100.100.100.200", 32, "ipv4"],
  ["168.63.129.16", 32, "ipv4"],
  ["::", 128, "ipv6"],
  ["fe80::", 10, "ipv6"],
  ["fec0::", 10, "ipv6"],
  ["ff00::", 8, "ipv6"],
  ["fd00:ec2::254", 128, "ipv6"],
  ["fd20:ce::254", 128, "ipv6"],
  ["100::", 64, "ipv6"],
];

/**
 * Addresses where only a configured registry may be: this machine, private networks, the pods and services of a cluster.
 * @see RFC 1918, RFC 6598 (shared address space), RFC 4193 (unique local), RFC 2544, RFC 5737 and RFC 3849
 */
const PRIVATE: readonly Subnet[] = [
  ["10.0.0.0", 8, "ipv4"],
  ["127.0.0.0", 8, "ipv4"],
  ["172.16.0.0", 12, "ipv4"],
  ["192.168.0.0", 16, "ipv4"],
  ["100.64.0.0", 10, "ipv4"],
  ["198.18.0.0", 15, "ipv4"],
  ["192.0.2.0", 24, "ipv4"],
  ["198.51.100.0", 24, "ipv4"],
  ["203.0.113.0", 24, "ipv4"],
  ["::1", 128, "ipv6"],
  ["fc00::", 7, "ipv6"],
  ["2001:db8::", 32, "ipv6"],
];

const never = blockList(NEVER);
const notPublic = blockList(PRIVATE);

/**
 * Forms of IPv6 that carry an IPv4 address, and at which of the eight groups it begins: mapped, compatible, NAT64 of
 * either prefix, 6to4. @see RFC 4291 section 2.5.5, RFC 6052, RFC 8215, RFC 3056
 */
const CARRIERS: readonly (readonly [groups: readonly number[], at: number])[] = [
  [[0, 0, 0, 0, 0, 0xffff], 6],
  [[0, 0, 0, 0, 0, 0], 6],
  [[0, 0, 0, 0, 0xffff, 0], 6],
  [[0x64, 0xff9b, 0, 0, 0, 0], 6],
  [[0x64, 0xff9b, 1], 6],
  [[0x2002], 1],
];

export type Reach = "never" | "private" | "public";

/** Where an address may be asked. Anything that is no address is "never". */
export function reachOf(address: string): Reach {
  const family = isIP(address);
  if (family === 4) return reachIn(address, "ipv4");
  if (family !== 6) return "never";
  const groups = groupsOf(address);
  const carried = CARRIERS.filter(([prefix]) => prefix.every((group, index) => groups[index] === group)).map(([, at]) =>
    reachIn(dotted(groups[at] ?? 0, groups[at + 1] ?? 0), "ipv4"),
  );
  return strictest([reachIn(address.replace(/%.*$/, ""), "ipv6"), ...carried]);
}

function reachIn(address: string, family: "ipv4" | "ipv6"): Reach {
  if (never.check(address, family)) return "never";
  return notPublic.check(address, family) ? "private" : "public";
}

/** `::1` is also "IPv4-compatible 0.0.0.1"; loopback stays what it is, private and not never. */
function strictest([own = "never", ...carried]: readonly Reach[]): Reach {
  if (own !== "public") return own;
  return carried.includes("never") ? "never" : carried.includes("private") ? "private" : "public";
}

/** The eight groups of an address that isIP accepted. */
function groupsOf(address: string): readonly number[] {
  const plain = address.replace(/%.*$/, "").replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_all, ...bytes: string[]) => {
    const [a = 0, b = 0, c = 0, d = 0] = bytes.slice(0, 4).map(Number);
    return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  });
  const [head = "", tail] = plain.split("::");
  const parse = (part: string) => (part === "" ? [] : part.split(":").map((group) => Number.parseInt(group, 16)));
  const [front, back] = [parse(head), parse(tail ?? "")];
  return tail === undefined ? front : [...front, ...Array(8 - front.length - back.length).fill(0), ...back];
}

function dotted(high: number, low: number): string {
  return [high >> 8, high & 255, low >> 8, low & 255].join(".");
}

function blockList(subnets: readonly Subnet[]): BlockList {
  const list = new BlockList();
  for (const [address, prefix, family] of subnets) list.addSubnet(address, prefix, family);
  return list;
}
