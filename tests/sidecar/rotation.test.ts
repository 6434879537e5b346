import { Agent, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "@jest/globals";
import { get, openSmallMesh, type Pod } from "../support/small-mesh.ts";

/** Requests through the pod's outbound port until stopped, several at a time, POST and GET. */
function traffic(from: Pod, host: string) {
  const agent = new Agent({ keepAlive: true });
  const [hostname = "", port] = from.outbound.split(":");
  const tally = new Map<number | string, number>();
  let on = true;
  const one = (method: string) =>
    new Promise<number | string>((resolve) => {
      const call = request({ agent, hostname, port, method, path: "/", headers: { host } }, (response) => {
        response.resume().once("end", () => resolve(response.statusCode ?? 0));
      });
      call.once("error", (error) => resolve(error.message));
      call.end(method === "POST" ? "body" : undefined);
    });
  const worker = async (method: string) => {
    while (on) {
      const result = await one(method);
      tally.set(result, (tally.get(result) ?? 0) + 1);
    }
  };
  const workers = ["GET", "POST", "GET", "POST"].map(worker);
  const answered = () => [...tally.values()].reduce((sum, count) => sum + count, 0);
  return {
    /** Until so many further requests were answered. */
    more: async (count: number) => {
      const enough = answered() + count;
      while (answered() < enough) await sleep(2);
    },
    stop: async () => {
      on = false;
      await Promise.all(workers);
      agent.destroy();
      return Object.fromEntries(tally);
    },
  };
}

describe("under traffic", () => {
  it("certificates and the root are replaced without a failed request", async () => {
    const mesh = await openSmallMesh(["web", "payments"]);
    const web = await mesh.start({ name: "web" });
    const payments = await mesh.start({ name: "payments" });
    const load = traffic(web, "payments");
    await load.more(10);
    const before = web.source.current().serial;
    for (const round of [1, 2, 3]) {
      if (round === 2) mesh.rotateRoot();
      for (const pod of [web, payments]) {
        const response = await fetch(`http://${pod.admin}/certificates/renew`, { method: "POST" });
        expect(response.status).toBe(200);
        await load.more(10);
      }
    }
    const tally = await load.stop();
    expect(Object.keys(tally)).toEqual(["200"]);
    expect(tally[200]).toBeGreaterThanOrEqual(70);
    expect(web.source.current().serial).not.toBe(before);
    await mesh.close();
  });

  it("snapshots change without a failed request", async () => {
    const mesh = await openSmallMesh(["web", "payments", "other"]);
    const web = await mesh.start({ name: "web" });
    const payments = await mesh.start({ name: "payments" });
    const load = traffic(web, "payments");
    const { outbound } = mesh.snapshotOf(web);
    for (let round = 0; round < 5; round++) {
      await mesh.publish(web, { outbound: round % 2 === 0 ? outbound.slice(0, 2) : outbound });
      await mesh.publish(payments, {
        workload: { ...mesh.snapshotOf(payments).workload, labels: { round: String(round) } },
      });
      await load.more(10);
    }
    expect(Object.keys(await load.stop())).toEqual(["200"]);
    await mesh.close();
  });
});

describe("a sidecar that is stopped", () => {
  it("finishes the request in flight, says Connection: close, and takes no further connection", async () => {
    const mesh = await openSmallMesh(["web", "payments"]);
    const web = await mesh.start({ name: "web" });
    const arrived = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const payments = await mesh.start({
      name: "payments",
      app: async (_, response) => {
        arrived.resolve();
        await release.promise;
        response.end("done");
      },
    });
    const [hostname = "", port] = web.outbound.split(":");
    const answered = new Promise<{ connection: string | undefined; status: number | undefined }>((resolve) => {
      request({ hostname, port, headers: { host: "payments", connection: "keep-alive" } }, (response) => {
        response.resume();
        resolve({ connection: response.headers.connection, status: response.statusCode });
      }).end();
    });
    await arrived.promise;
    for (const pod of [payments, web]) {
      expect((await fetch(`http://${pod.admin}/drain`, { method: "POST" })).status).toBe(202);
    }
    await sleep(20);
    release.resolve();
    expect(await answered).toEqual({ connection: "close", status: 200 });
    await payments.stopped;
    await expect(fetch(`http://${payments.ip}:8080/`)).rejects.toThrow();
    await mesh.close();
  });

  it("is met with a coded answer, and serves again when it is back", async () => {
    const mesh = await openSmallMesh(["web", "payments"]);
    const web = await mesh.start({ name: "web" });
    const payments = await mesh.start({ name: "payments" });
    expect((await get(web.outbound, "payments")).status).toBe(200);
    await payments.stop();
    expect((await get(web.outbound, "payments")).headers["x-outrider-code"]).toBe("UPSTREAM_UNREACHABLE");
    await mesh.start({ name: "payments" });
    expect((await get(web.outbound, "payments")).status).toBe(200);
    await mesh.close();
  });
});
