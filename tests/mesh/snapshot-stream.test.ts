import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Svid } from "../../core/identity/svid.ts";
import type { MeshMessage, Snapshot } from "../../core/policy/snapshot.ts";
import { openShop, type Shop } from "./shop.ts";

let shop: Shop;
let other: Shop;
let web: Svid;
let payments: Svid;
beforeAll(async () => {
  shop = await openShop();
  other = await openShop();
  web = await svidOf(shop, {});
  payments = await svidOf(shop, { pod: "payments-1", uid: "uid-payments", serviceAccount: "payments" });
});
afterAll(async () => {
  await shop.close();
  await other.close();
});

async function svidOf(from: Shop, facts: Parameters<Shop["source"]>[0]): Promise<Svid> {
  const source = await from.source(facts);
  source.close();
  return source.current();
}

async function answerTo(svid: Svid, ...says: (object | string)[]): Promise<unknown> {
  const sidecar = await shop.dial(svid);
  for (const message of says) sidecar.say(typeof message === "string" ? message : `${JSON.stringify(message)}\n`);
  const answer = await sidecar.next();
  sidecar.close();
  return answer;
}

const hello = (podUid: string) => ({ type: "hello", podUid });

describe("the snapshot stream refuses", () => {
  it("a sidecar that asks for another pod's snapshot, even one of its own service account", async () => {
    expect(await answerTo(web, hello("uid-batch"))).toMatchObject({ type: "error", code: "STREAM_IDENTITY" });
    expect(await answerTo(web, hello("uid-payments"))).toMatchObject({ type: "error", code: "STREAM_IDENTITY" });
  });

  it("an answer before hello, and a second hello", async () => {
    expect(await answerTo(web, { type: "ack", version: "1" })).toMatchObject({ code: "STREAM_HELLO" });
    const sidecar = await shop.dial(web);
    sidecar.say({ type: "hello", podUid: "uid-web" });
    expect(await sidecar.next()).toMatchObject({ type: "snapshot" });
    sidecar.say({ type: "hello", podUid: "uid-web" });
    expect(await sidecar.next()).toMatchObject({ code: "STREAM_HELLO" });
    sidecar.close();
  });

  it("what is no message", async () => {
    for (const text of ["hello\n", "{}\n", '{"type":"hello"}\n', "x".repeat(20_000)]) {
      expect(await answerTo(web, text)).toMatchObject({ type: "error", code: "STREAM_LINE" });
    }
  });

  it("a certificate of another authority", async () => {
    const stranger = await svidOf(other, {});
    const attempt = shop.dial({ ...stranger, bundlePem: web.bundlePem }).then((sidecar) => sidecar.next());
    await expect(attempt).rejects.toThrow();
  });

  it("another protocol than its own", async () => {
    await expect(shop.dial(web, "http/1.1")).rejects.toThrow();
  });
});

describe("the snapshot stream serves", () => {
  it("each workload its own snapshot", async () => {
    const answers = [await answerTo(web, hello("uid-web")), await answerTo(payments, hello("uid-payments"))];
    expect(answers).toMatchObject([
      { snapshot: { workload: { podUid: "uid-web" } } },
      { snapshot: { workload: { podUid: "uid-payments" } } },
    ]);
  });

  it("a reader of half lines", async () => {
    const sidecar = await shop.dial(web);
    for (const piece of ['{"type":"hel', 'lo","podUid":', '"uid-web"}', "\n"]) sidecar.say(piece);
    expect(await sidecar.next()).toMatchObject({ type: "snapshot" });
    sidecar.close();
  });

  it("nothing when a change leaves a workload's own snapshot as it was", async () => {
    const sidecar = await shop.dial(web);
    sidecar.say({ type: "hello", podUid: "uid-web" });
    const first = snapshotIn(await sidecar.next());
    const compiledBefore = await compiled();
    shop.write("other.yaml", "apiVersion: v1\nkind: ServiceAccount\nmetadata: { name: spare, namespace: shop }\n");
    while ((await compiled()) === compiledBefore) await new Promise((resolve) => setTimeout(resolve, 10));
    shop.write(
      "elsewhere.yaml",
      "apiVersion: v1\nkind: Service\nmetadata: { name: extra, namespace: shop }\nspec: { ports: [{ port: 1 }] }\n",
    );
    const second = snapshotIn(await sidecar.next());
    expect(second.version).not.toBe(first.version);
    expect(second.outbound.map((service) => service.name)).toContain("extra");
    sidecar.close();
  });
});

function snapshotIn(message: MeshMessage): Snapshot {
  if (message.type === "snapshot") return message.snapshot;
  throw new Error(message.message);
}

async function compiled(): Promise<string | undefined> {
  const metrics = await (await fetch(`${shop.admin}/metrics`)).text();
  return /outrider_mesh_snapshots_compiled_total (\d+)/.exec(metrics)?.[1];
}
