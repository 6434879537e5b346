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
