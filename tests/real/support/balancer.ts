import { connect, createServer, type Socket } from "node:net";
import { ownAddress } from "./program.ts";

/** How often a backend is asked whether it is ready, as a Service's readiness probe would, in milliseconds. */
const PROBE_MS = 50;

interface Backend {
  readonly host: string;
  readonly port: number;
  readonly admin: string;
}

/** One address before several replicas, as a Service is: new connections go to ready ones in turn, old ones stay. */
export interface Balancer {
  readonly host: string;
  readonly port: number;
  /** Backends may be told later: their certificates want the address first. */
  use(backends: readonly Backend[]): void;
  close(): Promise<void>;
}

export async function startBalancer(): Promise<Balancer> {
  const host = ownAddress();
  let backends: readonly Backend[] = [];
  let ready: readonly Backend[] = [];
  let turn = 0;
  const sockets = new Set<Socket>();
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket)).on("error", () => socket.destroy());
    return socket;
  };
  const server = createServer((client) => {
    const backend = ready[turn++ % Math.max(1, ready.length)];
    if (backend === undefined) {
      client.destroy();
      return;
    }
    const upstream = track(connect(backend.port, backend.host));
    track(client).pipe(upstream).pipe(client);
    client.on("close", () => upstream.destroy());
    upstream.on("close", () => client.destroy());
  });
  const probe = async () => {
    const asked = await Promise.all(backends.map(async (backend) => ((await isReady(backend)) ? [backend] : [])));
    ready = asked.flat();
  };
  const timer = setInterval(() => void probe(), PROBE_MS);
  await new Promise<void>((resolve) => server.listen(8443, host, resolve));
  return {
    host,
    port: 8443,
    use: (next) => {
      backends = next;
    },
    close: async () => {
      clearInterval(timer);
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function isReady({ admin }: Backend): Promise<boolean> {
  try {
    return (await fetch(`${admin}/readyz`)).ok;
  } catch {
    return false;
  }
}
