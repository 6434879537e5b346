import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";

/** Takes what services send and keeps it. */
export interface Sink {
  readonly url: string;
  readonly bodies: { readonly path: string; readonly text: string }[];
  close(): void;
}

export async function startSink(): Promise<Sink> {
  const bodies: Sink["bodies"] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    bodies.push({ path: request.url ?? "", text: Buffer.concat(chunks).toString("latin1") });
    response.end("{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}`, bodies, close: () => server.closeAllConnections() ?? server.close() };
}
