import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { get, openSmallMesh, type Pod, type SmallMesh } from "../support/small-mesh.ts";

describe("a request from one pod to another", () => {
  let mesh: SmallMesh;
  let web: Pod;

  beforeAll(async () => {
    mesh = await openSmallMesh(["web", "payments"]);
    web = await mesh.start({ name: "web" });
    await mesh.start({
      name: "payments",
      app: (request, response) => response.end(JSON.stringify({ url: request.url, headers: request.headers })),
    });
  });
  afterAll(() => mesh.close());

  it("arrives over mutual TLS with the caller's proven identity", async () => {
    const { status, body } = await get(web.outbound, "payments", "/pay?x=1", ["x-outrider-peer: spiffe://evil"]);
    expect({ status, body }).toMatchObject({ status: 200 });
    const seen = JSON.parse(body.replace(/^[0-9a-f]+\r\n|\r\n0\r\n\r\n$/g, "")) as {
      url: string;
      headers: Record<string, string>;
    };
    expect(seen.url).toBe("/pay?x=1");
    expect(seen.headers["x-outrider-peer"]).toBe(web.spiffeId);
  });
});
