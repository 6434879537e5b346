import { randomBytes } from "node:crypto";
import { request as startRequest } from "node:http";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { BODY_LIMIT_BYTES } from "../../collector/receive/body.ts";
import { IN_FLIGHT_LIMIT_BYTES, Intake } from "../../collector/receive/intake.ts";
import { post, type TestCollector, type TestFolder, testFolder } from "./support/collector.ts";

let folder: TestFolder;
let collector: TestCollector;
beforeEach(async () => {
  folder = testFolder();
  collector = await folder.start();
});
afterEach(() => folder.remove());

/** A body in chunks without a length. @returns the status, or the error's code when there was no answer */
function chunked(path: string, chunks: Iterable<Uint8Array>): Promise<number | string> {
  return new Promise((resolve) => {
    const headers = { "content-type": "application/x-protobuf", "transfer-encoding": "chunked" };
    const request = startRequest(`${collector.otlp}${path}`, { method: "POST", headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    request.on("error", (error) => resolve((error as { code?: string }).code ?? "error"));
    for (const chunk of chunks) request.write(chunk);
    request.end();
  });
}

describe("a body that is too much", () => {
  it("is answered with 413 also when its length was not said", async () => {
    const chunk = new Uint8Array(1024 * 1024);
    expect(await chunked("/v1/traces", Array(BODY_LIMIT_BYTES / chunk.length + 2).fill(chunk))).toBe(413);
  });

  it("is answered with 413 when it only unfolds to it, and the collector goes on", async () => {
    const bomb = gzipSync(new Uint8Array(BODY_LIMIT_BYTES + 1));
    const bombs = Array.from({ length: 8 }, () =>
      post(`${collector.otlp}/v1/logs`, bomb, { "content-encoding": "gzip" }),
    );
    expect((await Promise.all(bombs)).map(({ status }) => status)).toEqual(Array(8).fill(413));
    expect((await post(`${collector.otlp}/v1/logs`, "{}")).status).toBe(200);
  });

  it.each([
    ["truncated gzip", gzipSync(randomBytes(1_000)).subarray(0, 500), "gzip", 400],
    ["gzip that is none", randomBytes(1_000), "gzip", 400],
    ["an encoding nobody asked for", new Uint8Array(), "br", 400],
    ["nothing at all", new Uint8Array(), "identity", 200],
  ])("or is %s has its own status", async (_, body, encoding, status) => {
    expect((await post(`${collector.otlp}/v1/metrics`, body, { "content-encoding": encoding })).status).toBe(status);
  });
});

describe("bodies of many requests", () => {
  it("together hold no more memory than is set aside for them, and give it back", () => {
    const intake = new Intake();
    const holds = Array.from({ length: 4 }, () => intake.hold());
    for (const hold of holds) hold.take(IN_FLIGHT_LIMIT_BYTES / 4);
    expect(() => intake.hold().take(1)).toThrow(expect.objectContaining({ code: "COLLECTOR_MEMORY_PRESSURE" }));
    holds[0]?.release();
    holds[0]?.release();
    intake.hold().take(IN_FLIGHT_LIMIT_BYTES / 4);
    expect(() => intake.hold().take(1)).toThrow();
  });
});
