import { describe, expect, it } from "@jest/globals";
import { meshId, parseSpiffeId, workloadId } from "../../../core/identity/spiffe-id.ts";

describe("a SPIFFE id", () => {
  it("is read as trust domain and path", () => {
    expect(parseSpiffeId("spiffe://shop.test/ns/a/sa/b")).toEqual({ trustDomain: "shop.test", path: "/ns/a/sa/b" });
  });

  it("names a Kubernetes workload", () => {
    expect(workloadId("shop.test", "a", "b")).toBe("spiffe://shop.test/ns/a/sa/b");
    expect(meshId("shop.test")).toBe("spiffe://shop.test/ns/outrider-system/sa/outrider-mesh");
  });

  it.each([
    "",
    "shop.test/ns/a",
    "SPIFFE://shop.test/a",
    "spiffe://",
    "spiffe:///a",
    "spiffe://shop.test",
    "spiffe://shop.test/",
    "spiffe://Shop.test/a",
    "spiffe://user@shop.test/a",
    "spiffe://shop.test:80/a",
    "spiffe://shop.test/a//b",
    "spiffe://shop.test/a/../b",
    "spiffe://shop.test/a/./b",
    "spiffe://shop.test/a?b",
    "spiffe://shop.test/a#b",
    "spiffe://shop.test/a%62",
    "spiffe://shop.test/ä",
    `spiffe://shop.test/${"a".repeat(2048)}`,
  ])("is not %j", (text) => {
    expect(() => parseSpiffeId(text)).toThrow(expect.objectContaining({ code: "ID_INVALID" }));
  });

  it("never lets a name reach into the next part of the path", () => {
    expect(() => workloadId("shop.test", "a/sa/admin", "b")).toThrow(expect.objectContaining({ code: "ID_INVALID" }));
  });
});
