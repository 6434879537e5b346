import { BlockList, isIP } from "node:net";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { canonicalAddress, cidrContains, cidrCovers, parseCidr } from "../../../core/policy/network/cidr.ts";

describe("an address range", () => {
  const cases: [cidr: string, ip: string, inside: boolean][] = [
    ["10.0.0.0/8", "10.255.0.1", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.1.2.3/8", "10.0.0.0", true],
    ["0.0.0.0/0", "255.255.255.255", true],
    ["1.2.3.4/32", "1.2.3.4", true],
    ["1.2.3.4/32", "1.2.3.5", false],
    ["0.0.0.0/0", "::1", false],
    ["::/0", "1.2.3.4", false],
    ["10.0.0.0/8", "::ffff:10.0.0.1", true],
    ["::ffff:10.0.0.0/104", "10.9.9.9", true],
    ["fd00::/8", "fdff::1", true],
    ["2001:db8::/32", "2001:db9::", false],
    ["0.0.0.0/0", "not an address", false],
    ["0.0.0.0/0", "1.2.3.04", false],
    ["0.0.0.0/0", "1.2.3", false],
    ["::/0", "1::2::3", false],
    ["::/0", "1:2:3:4:5:6:7:8:9", false],
  ];
  it.each(cases)("%s holds %s: %s", (cidr, ip, inside) => {
    expect(cidrContains(parseCidr(cidr), ip)).toBe(inside);
  });

  it.each([
    "",
    "10.0.0.0",
    "10.0.0.0/33",
    "10.0.0.0/-1",
    "10.0.0.0/8/8",
    "10.0.0/8",
    "::/129",
    "10.0.0.0/08",
    "a/8",
    "::ffff:10.0.0.0/8",
  ])("%j is refused", (text) =>
    expect(() => parseCidr(text)).toThrow(expect.objectContaining({ code: "NET_CIDR_INVALID" })),
  );

  it("covers another when every address of that lies in it", () => {
    expect(cidrCovers(parseCidr("10.0.0.0/8"), parseCidr("10.1.0.0/16"))).toBe(true);
    expect(cidrCovers(parseCidr("10.1.0.0/16"), parseCidr("10.0.0.0/8"))).toBe(false);
  });

  it("agrees with node:net on every address and prefix", () => {
    fc.assert(
      fc.property(fc.ipV4(), fc.ipV4(), fc.integer({ min: 0, max: 32 }), (network, ip, prefix) => {
        const oracle = new BlockList();
        oracle.addSubnet(network, prefix, "ipv4");
        return cidrContains(parseCidr(`${network}/${prefix}`), ip) === oracle.check(ip, "ipv4");
      }),
    );
    fc.assert(
      fc.property(fc.ipV6(), fc.ipV6(), fc.integer({ min: 0, max: 128 }), (network, ip, prefix) => {
        fc.pre(isIP(network) === 6 && isIP(ip) === 6 && !/^[0:]*ffff:/i.test(`${network} ${ip}`));
        const oracle = new BlockList();
        oracle.addSubnet(network, prefix, "ipv6");
        const same = cidrContains(parseCidr(`${network}/${prefix}`), ip) === oracle.check(ip, "ipv6");
        return same || network.includes(".") || ip.includes(".");
      }),
    );
  });
});

describe("an address has one canonical spelling", () => {
  it.each([
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["FD00::0:1", "fd00:0:0::1"],
  ])("%s is %s", (a, b) => expect(canonicalAddress(a)).toBe(canonicalAddress(b)));
});
