import { isIP } from "node:net";
import Fastify from "fastify";
import { CodedError, codedSystemError } from "../core/base/errors.ts";
import type { HostPort } from "../core/base/host-port.ts";
import type { Snapshot } from "../core/policy/snapshot.ts";
import { MESH_ERRORS } from "./errors.ts";
import type { Meters } from "./meters.ts";
import type { SidecarState } from "./snapshots/snapshot-stream.ts";

export interface AdminDoorOptions {
  readonly listen: HostPort;
  readonly meters: Meters;
  /** Why the mesh is not ready; empty when it is. */
  readonly problems: () => readonly string[];
  /** @returns the anchors that live now, and when the new one begins to sign */
  readonly rotateRoot: () => Promise<{ readonly bundle: readonly string[]; readonly signsFromMs: number }>;
  readonly snapshotOf: (podUid: string) => Snapshot | undefined;
  readonly sidecars: () => readonly SidecarState[];
}

const ADMIN_BODY_LIMIT_BYTES = 4096;

/** A page whose own name was made to mean this machine sends no Origin, but its name as Host. */
function isRebound(listenHost: string, asked: string): boolean {
  const isLoopback = listenHost === "localhost" || listenHost === "::1" || listenHost.startsWith("127.");
  return isLoopback && asked !== "localhost" && isIP(asked.replace(/^\[|\]$/g, "")) === 0;
}

/** Opens the operator's door: plain HTTP, meant for loopback. @throws {CodedError} PORT_IN_USE */
export async function openAdminDoor(options: AdminDoorOptions): Promise<{ address: string; close(): Promise<void> }> {
  const app = Fastify({ bodyLimit: ADMIN_BODY_LIMIT_BYTES, forceCloseConnections: true });
  app.addHook("onRequest", async (request, reply) => {
    const isPage = request.headers.origin !== undefined || isRebound(options.listen.host, request.hostname);
    if (!isPage) return;
    const message = "a web page may not use this door";
    await reply.code(403).send({ code: "ADMIN_ORIGIN", message, fix: MESH_ERRORS.ADMIN_ORIGIN.fix });
  });
  app.get("/healthz", () => ({ status: "ok" }));
  app.get("/readyz", (_request, reply) => {
    const problems = options.problems();
    return reply.code(problems.length === 0 ? 200 : 503).send({ ready: problems.length === 0, problems });
  });
  app.get("/metrics", async (_request, reply) => {
    const { registry } = options.meters;
    return reply.type(registry.contentType).send(await registry.metrics());
  });
  app.post("/v1/roots/rotate", () => options.rotateRoot());
  app.get("/v1/sidecars", () => ({ sidecars: options.sidecars() }));
  app.get<{ Params: { podUid: string } }>("/v1/snapshots/:podUid", (request, reply) => {
    const snapshot = options.snapshotOf(request.params.podUid);
    if (snapshot !== undefined) return reply.send(snapshot);
    const fix = "list the pods with an address: they are the keys of /v1/sidecars and of the manifests";
    return reply
      .code(404)
      .send({ code: "STREAM_POD_UNKNOWN", message: `pod ${request.params.podUid}: no snapshot`, fix });
  });
  app.setErrorHandler((thrown, _request, reply) => {
    if (thrown instanceof CodedError) return reply.code(409).send(thrown.toJSON());
    return reply
      .code((thrown as { statusCode?: number }).statusCode ?? 500)
      .send({ code: "INTERNAL", message: "failed" });
  });
  try {
    return { address: await app.listen(options.listen), close: () => app.close() };
  } catch (thrown) {
    throw codedSystemError(thrown, `mesh admin ${options.listen.host}:${options.listen.port}`);
  }
}
