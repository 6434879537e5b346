import { askJson } from "../client.ts";
import type { WorkloadName } from "../layout.ts";
import type { Stage } from "../stage.ts";

/** The certificate a sidecar holds now, from its admin port. */
export async function certificateOf(stage: Stage, name: WorkloadName): Promise<{ serial: string; spiffeId: string }> {
  const { certificate } = await askJson<{ certificate: { serial: string; spiffeId: string } }>(
    `${stage.admin(name)}/config`,
  );
  return certificate;
}

/** The TLS versions of the connections that peers hold to a sidecar's inbound ports, "none" for plain text. */
export async function inboundTls(stage: Stage, name: WorkloadName): Promise<readonly string[]> {
  const { connections } = await askJson<{ connections: readonly { direction: string; tls?: string }[] }>(
    `${stage.admin(name)}/connections`,
  );
  const inbound = connections.filter((connection) => connection.direction === "inbound");
  return [...new Set(inbound.map(({ tls }) => tls ?? "none"))];
}
