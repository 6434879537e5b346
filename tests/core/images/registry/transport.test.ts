import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it } from "@jest/globals";
import { IDLE_CONNECTION_MS } from "../../../../core/images/limits.ts";
import { parseReference } from "../../../../core/images/reference.ts";
import { registryHosts } from "../../../../core/images/registry/hosts.ts";
import { createSocketTransport } from "../../../../core/images/registry/transport.ts";
import { createRegistryClient } from "../../../../core/images/registry-client.ts";

it("a registry that wants its connections kept for minutes does not keep them so long", async () => {
  const server = createServer({ keepAliveTimeout: 600_000 }, (_request, response) => {
    response.writeHead(404, { connection: "keep-alive", "keep-alive": "timeout=600" }).end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const connected = once(server, "connection");
  const registries = [{ host: `127.0.0.1:${(server.address() as AddressInfo).port}`, plainHttp: true }];
  const transport = createSocketTransport(registryHosts(registries), { idleConnectionMs: 100 });
  const client = createRegistryClient({ registries, transport });
  await client.manifest(parseReference(`${registries[0]?.host}/shop/web:1`), "1", AbortSignal.timeout(4000));
  const [socket] = await connected;
  await once(socket, "close"); // ten minutes, were it for the registry to say
  await client.close();
  server.close();
  expect(IDLE_CONNECTION_MS).toBeLessThan(60_000);
});

it("an address that nobody configured is left as soon as it is reached, though no name was looked up", async () => {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(request.url ?? "");
    response.end("{}");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const transport = createSocketTransport(registryHosts([]));
  const url = new URL(`http://127.0.0.1:${port}/latest/meta-data`);
  const sent = transport.send({ method: "GET", url, headers: {}, signal: AbortSignal.timeout(4000) });
  const outcome = await sent.then(
    () => undefined,
    (error: { code?: string }) => error.code,
  );
  await transport.close();
  server.close();
  server.closeAllConnections();
  expect([outcome, requests]).toEqual(["REGISTRY_ADDRESS_REFUSED", []]);
});
