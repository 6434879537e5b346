import { describe, expect, it } from "@jest/globals";
import { guardedLookup, isReservedAddress } from "../../../core/images/registry/address-guard.ts";

describe("an address is reserved", () => {
  it.each([
    ["loopback", "127.0.0.1"],
    ["all of loopback", "127.8.9.10"],
    ["unspecified", "0.0.0.0"],
    ["link-local, where clouds serve credentials", "169.254.169.254"],
    ["another cloud's metadata", "100.100.100.200"],
    ["multicast", "224.0.0.1"],
    ["broadcast", "255.255.255.255"],
    ["IPv6 loopback", "::1"],
    ["IPv6 link-local", "fe80::1"],
    ["IPv6 metadata", "fd00:ec2::254"],
    ["loopback inside IPv6", "::ffff:127.0.0.1"],
    ["metadata inside IPv6, as hex", "::ffff:a9fe:a9fe"],
    ["loopback behind NAT64", "64:ff9b::127.0.0.1"],
    ["no address at all", "example.com"],
  ])("%s: %s", (_why, address) => expect(isReservedAddress(address)).toBe(true));

  it.each(["93.184.216.34", "10.0.0.5", "192.168.1.9", "2606:4700::1111", "::ffff:93.184.216.34"])(
    "and %s is not",
    (address) => {
      expect(isReservedAddress(address)).toBe(false);
    },
  );
});

it("a name that resolves to a reserved address is refused at connect time", async () => {
  const error = await new Promise((resolve) => guardedLookup("localhost", { all: true }, resolve));
  expect(error).toMatchObject({ code: "REGISTRY_ADDRESS_REFUSED" });
});
