import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { nameServerResolver } from "../../../../core/images/registry/resolvers.ts";

const ADDRESS = [93, 184, 216, 34];
let server: Socket;
let servers: readonly string[];

/** Knows every name's IPv4 address, and never answers for names with "tarpit" in them. */
beforeAll(async () => {
  server = createSocket("udp4");
  server.on("message", (question, from) => {
    if (!question.includes("tarpit")) server.send(answerTo(question), from.port, from.address);
  });
  server.bind(0, "127.0.0.1");
  await once(server, "listening");
  servers = [`127.0.0.1:${server.address().port}`];
});
afterAll(() => void server.close());

/** @see RFC 1035 section 4.1 */
function answerTo(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const isA = question.readUInt16BE(end - 4) === 1;
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(isA ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  return isA ? Buffer.concat([head, Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...ADDRESS])]) : head;
}

describe("a name that anybody may have written into a pod", () => {
  it("is resolved by the name servers", async () => {
    expect(await nameServerResolver({ servers })("registry.example")).toEqual([
      { address: ADDRESS.join("."), family: 4 },
    ]);
  });

  it("whose servers never answer holds up no other, and fails in its time", async () => {
    const resolve = nameServerResolver({ servers, tryMs: 300 });
    let failed = 0;
    const silent = Array.from({ length: 32 }, (_, n) => resolve(`n${n}.tarpit.example`).catch(() => failed++));
    await resolve("registry.example");
    expect(failed).toBe(0);
    await Promise.all(silent);
    expect(failed).toBe(32);
  });
});
