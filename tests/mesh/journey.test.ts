import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { judgeConnection } from "../../core/policy/network/network-policy.ts";
import type { MeshMessage, Snapshot } from "../../core/policy/snapshot.ts";
import { openShop, POLICY, type Shop } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const PAYMENTS = { pod: "payments-1", uid: "uid-payments", serviceAccount: "payments" };

function snapshotOf(message: MeshMessage): Snapshot {
  if (message.type !== "snapshot") throw new Error(`${message.code}: ${message.message}`);
  return message.snapshot;
}

function mayCallPayments(snapshot: Snapshot, podUid: string): boolean {
  return judgeConnection(snapshot.ingress, { podUid, ip: "127.20.0.9" }, { protocol: "TCP", number: 8080 }).allowed;
}

describe("a sidecar joins the mesh", () => {
  it("gets a certificate that names its service account and its pod", async () => {
    const source = await shop.source({});
    expect(source.current()).toMatchObject({ spiffeId: "spiffe://shop.test/ns/shop/sa/front", podUid: "uid-web" });
    source.close();
  });

  it("gets its snapshot at once, and again when a policy changes what it enforces", async () => {
    const source = await shop.source(PAYMENTS);
    const sidecar = await shop.dial(source.current());
    sidecar.say({ type: "hello", podUid: "uid-payments" });
    const first = snapshotOf(await sidecar.next());
    expect([mayCallPayments(first, "uid-web"), mayCallPayments(first, "uid-batch")]).toEqual([true, false]);

    shop.write("policy.yaml", POLICY.replace("app: web", "app: batch"));
    const second = snapshotOf(await sidecar.next());
    expect([mayCallPayments(second, "uid-web"), mayCallPayments(second, "uid-batch")]).toEqual([false, true]);
    expect(second.version).not.toBe(first.version);

    sidecar.say({ type: "ack", version: second.version });
    await eventually(async () =>
      expect(await sidecars()).toMatchObject([{ podUid: "uid-payments", acked: second.version }]),
    );
    shop.write("policy.yaml", POLICY);
    sidecar.say({ type: "nack", version: snapshotOf(await sidecar.next()).version, reason: "no such cipher" });
    await eventually(async () => expect(await sidecars()).toMatchObject([{ nacked: { reason: "no such cipher" } }]));
    sidecar.close();
    source.close();
  });

  it("keeps its snapshot while the folder is broken, and the mesh says so", async () => {
    shop.write("broken.yaml", "kind: Pod\nmetadata: [");
    await eventually(async () => expect((await fetch(`${shop.admin}/readyz`)).status).toBe(503));
    const snapshot = await fetch(`${shop.admin}/v1/snapshots/uid-payments`);
    expect(snapshot.status).toBe(200);
    shop.write("broken.yaml", "# mended\n");
    await eventually(async () => expect((await fetch(`${shop.admin}/readyz`)).status).toBe(200));
  });
});

describe("the root rotates", () => {
  it("while workloads that have not renewed and those that have accept each other", async () => {
    const before = await shop.source({});
    const oldBundle = readFileSync(shop.bundleFile, "utf8");
    const answer = await fetch(`${shop.admin}/v1/roots/rotate`, { method: "POST" });
    expect(((await answer.json()) as { bundle: string[] }).bundle).toHaveLength(2);
    expect(readFileSync(shop.bundleFile, "utf8")).toContain(oldBundle.trim());

    const stale = await shop.dial(before.current());
    stale.say({ type: "hello", podUid: "uid-web" });
    expect(snapshotOf(await stale.next()).workload.podUid).toBe("uid-web");
    stale.close();

    const serial = before.current().serial;
    await before.renew();
    expect(before.current().serial).not.toBe(serial);
    const fresh = await shop.dial({ ...before.current(), bundlePem: oldBundle });
    fresh.say({ type: "hello", podUid: "uid-web" });
    expect(snapshotOf(await fresh.next()).workload.podUid).toBe("uid-web");
    fresh.close();
    before.close();
  });

  it("not twice at once", async () => {
    const answer = await fetch(`${shop.admin}/v1/roots/rotate`, { method: "POST" });
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([409, "CA_ROTATION_BUSY"]);
  });
});

async function sidecars(): Promise<unknown> {
  return ((await (await fetch(`${shop.admin}/v1/sidecars`)).json()) as { sidecars: unknown }).sidecars;
}

async function eventually(assertion: () => Promise<void>): Promise<void> {
  for (let left = 100; ; left--) {
    try {
      return await assertion();
    } catch (error) {
      if (left === 0) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}
