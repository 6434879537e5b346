import { createServer, request, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openShop, POLICY, type Shop } from "./shop.ts";

let collector: Server;
let shop: Shop;
let heard = "";
beforeAll(async () => {
  collector = createServer((request, response) => {
    request.on("data", (chunk) => {
      heard += String(chunk);
    });
    request.on("end", () => response.end("{}"));
  });
  await new Promise<void>((resolve) => collector.listen(0, "127.0.0.1", resolve));
  shop = await openShop(`http://127.0.0.1:${(collector.address() as AddressInfo).port}`);
});
afterAll(async () => {
  await shop.close();
  collector.close();
});

async function hears(...words: string[]): Promise<void> {
  while (!words.every((word) => heard.includes(word))) await new Promise((resolve) => setTimeout(resolve, 10));
}

describe("the collector hears from the mesh", () => {
  it("that a policy changed, and where it stands", async () => {
    shop.write("policy.yaml", POLICY.replace("app: web", "app: batch"));
    await hears("policy-change", "NetworkPolicy shop/payments changed", "manifests/policy.yaml:2");
  });

  it("that the root rotated", async () => {
    await fetch(`${shop.admin}/v1/roots/rotate`, { method: "POST" });
    await hears("rotated", "trust bundle of shop.test changed: 2 anchors live");
  });

  it("that a certificate was refused, and why", async () => {
    const signal = AbortSignal.timeout(50);
    await shop.source({ uid: "uid-gone" }, { signal }).catch(() => {});
    await hears("CA_POD_UNKNOWN");
  });

  it("no deploy only because the mesh started", () => expect(heard).not.toContain("deploy"));
});

describe("the admin door", () => {
  it("does not serve web pages", async () => {
    const answer = await fetch(`${shop.admin}/v1/sidecars`, { headers: { origin: "https://evil.example" } });
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: "ADMIN_ORIGIN" }]);
  });

  it("does not serve a name that somebody made to mean this machine", async () => {
    const statuses = await Promise.all(["evil.example", "localhost", "127.0.0.1:15014", "[::1]"].map(statusAs));
    expect(statuses).toEqual([403, 200, 200, 200]);
  });

  /** `fetch` does not let a caller choose its Host. */
  const statusAs = (host: string) =>
    new Promise((resolve, reject) => {
      request(`${shop.admin}/v1/sidecars`, { headers: { host }, agent: false }, (answer) => {
        answer.resume().on("end", () => resolve(answer.statusCode));
      })
        .on("error", reject)
        .end();
    });

  it("says which snapshot nobody has", async () => {
    const answer = await fetch(`${shop.admin}/v1/snapshots/uid-gone`);
    expect([answer.status, await answer.json()]).toMatchObject([404, { code: "STREAM_POD_UNKNOWN" }]);
  });

  it("is healthy and ready", async () => {
    for (const path of ["/healthz", "/readyz"]) expect((await fetch(shop.admin + path)).status).toBe(200);
  });
});
