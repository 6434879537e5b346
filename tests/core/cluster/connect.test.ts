import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { ANSWER_LIMIT_BYTES, WATCH_LINE_LIMIT_BYTES } from "../../../core/cluster/api-server/answers.ts";
import type { ApiServer, WatchEvent } from "../../../core/cluster/api-server/api-server.ts";
import { connectApiServer } from "../../../core/cluster/api-server/connect.ts";

const folder = mkdtempSync(join(tmpdir(), "outrider-connect-"));
let server: Server;
let api: ApiServer;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const PATH = "/api/v1/namespaces";

beforeAll(async () => {
  server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  api = await connectApiServer({ kubeconfig: kubeconfig(`http://127.0.0.1:${port}`) });
});
afterAll(async () => {
  await api.close();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

function kubeconfig(url: string): string {
  const file = join(folder, "kubeconfig");
  writeFileSync(join(folder, "token"), "first");
  const provider = { name: "tokenFile", config: { tokenFile: join(folder, "token") } }; // as in a pod
  const config = {
    clusters: [{ name: "c", cluster: { server: url, "insecure-skip-tls-verify": true } }],
    users: [{ name: "u", user: { "auth-provider": provider } }],
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    "current-context": "x",
  };
  writeFileSync(file, JSON.stringify(config));
  return file;
}

const says = (code: number, body: object) => (_: IncomingMessage, response: ServerResponse) =>
  void response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify(body));

describe("a request", () => {
  it("carries the token of the kubeconfig, the body and its type", async () => {
    const seen: unknown[] = [];
    answer = (request, response) => {
      const { method, url, headers } = request;
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        seen.push(method, url, headers.authorization, headers["content-type"], body);
        response.end('{"kind":"Namespace"}');
      });
    };
    const contentType = "application/merge-patch+json";
    const found = await api.ask({ method: "PATCH", path: `${PATH}/a`, body: { spec: {} }, contentType });
    expect(found).toEqual({ kind: "Namespace" });
    expect(seen).toEqual(["PATCH", "/api/v1/namespaces/a", "Bearer first", contentType, '{"spec":{}}']);
  });

  const cases: [says: number, body: object, code: string][] = [
    [404, { message: "not found" }, "API_OBJECT_MISSING"],
    [409, { message: "modified" }, "API_CONFLICT"],
    [410, { message: "expired" }, "API_LIST_EXPIRED"],
    [400, { message: "expired", reason: "Expired" }, "API_LIST_EXPIRED"],
    [403, { message: "forbidden" }, "API_FORBIDDEN"],
    [401, {}, "API_FORBIDDEN"],
    [422, { message: "spec.mode: Unsupported value" }, "API_REFUSED"],
    [429, {}, "API_SERVER_UNREACHABLE"],
    [503, {}, "API_SERVER_UNREACHABLE"],
  ];
  it.each(cases)("that is answered %i %j is %s, with the server's own words", async (status, body, code) => {
    answer = says(status, body);
    const message = (body as { message?: string }).message ?? `status ${status}`;
    await expect(api.ask({ path: PATH })).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it("whose answer breaks off, or is no JSON, has no answer", async () => {
    answer = (_, response) => {
      response.writeHead(200, { "content-length": "100" }).write("{");
      setTimeout(() => response.destroy(), 10);
    };
    await expect(api.ask({ path: PATH })).rejects.toMatchObject({ code: "API_SERVER_UNREACHABLE" });
    answer = (_, response) => void response.end("<html>");
    await expect(api.ask({ path: PATH })).rejects.toMatchObject({ code: "API_SERVER_UNREACHABLE" });
  });

  it("whose answer is endless is given up", async () => {
    answer = (_, response) => {
      const chunk = Buffer.alloc(1024 * 1024, 0x20);
      const more = () => response.writable && response.write(chunk, more);
      more();
    };
    await expect(api.ask({ path: PATH })).rejects.toMatchObject({ code: "API_TOO_LARGE" });
    expect(ANSWER_LIMIT_BYTES).toBe(64 * 1024 * 1024);
  });
});

describe("a watch", () => {
  const follow = async () => {
    const events: WatchEvent[] = [];
    const done = api.watch(`${PATH}?watch=true`, (event) => events.push(event), new AbortController().signal);
    await done;
    return events.map(({ type, object }) => `${type} ${object.metadata.name}`);
  };
  const line = (type: string, name: string) => `${JSON.stringify({ type, object: { metadata: { name } } })}\n`;

  it("hands out one event a line, wherever the bytes are split", async () => {
    answer = (_, response) => {
      const bytes = Buffer.from(line("ADDED", "grün") + line("DELETED", "b"));
      for (const byte of bytes) response.write(Buffer.of(byte));
      response.end();
    };
    expect(await follow()).toEqual(["ADDED grün", "DELETED b"]);
  });

  it("that the server ends with an error says which", async () => {
    answer = (_, response) => void response.end(`{"type":"ERROR","object":{"code":410,"reason":"Expired"}}\n`);
    await expect(follow()).rejects.toMatchObject({ code: "API_LIST_EXPIRED" });
  });

  it("whose line never ends is given up", async () => {
    answer = (_, response) => void response.write(Buffer.alloc(WATCH_LINE_LIMIT_BYTES + 1, 0x20));
    await expect(follow()).rejects.toMatchObject({ code: "API_TOO_LARGE" });
  });
});

describe("a kubeconfig", () => {
  it.each([
    ["that is not there", join(folder, "absent")],
    ["that names no server", "{}"],
    ["that is no YAML", "{{{"],
  ])("%s is refused with its name", async (_, text) => {
    const file = text.startsWith("/") ? text : join(folder, "broken");
    if (file !== text) writeFileSync(file, text);
    await expect(connectApiServer({ kubeconfig: file })).rejects.toMatchObject({
      code: "KUBECONFIG_INVALID",
      message: expect.stringContaining(file),
    });
  });

  it("outside of a pod there is no service account", async () => {
    await expect(connectApiServer({ inCluster: true })).rejects.toMatchObject({ code: "KUBECONFIG_INVALID" });
  });
});
