import { SIDECAR_NAME, SIDECAR_UID, SIDECAR_VOLUMES } from "../../../../admission/sidecar/sidecar-spec.ts";
import { MESH_PORTS } from "../../../../core/wire/probe-table.ts";
import { type Pod, pod } from "../webhook.ts";
import { type Asked, IMAGE, patchedBy, said } from "./door.ts";

const INJECTING = { pods: { inject: true } };
const [VOLUME = ""] = SIDECAR_VOLUMES;

const asked = (spec: object, metadata: object = {}, more: Partial<Asked> = {}) =>
  said({ object: pod(IMAGE, spec, metadata), policy: INJECTING, door: "mutate", ...more });
const within = (container: object) => ({ containers: [{ name: "web", image: IMAGE, ...container }] });

/** The pod as it comes from /mutate, then changed by somebody, at /validate. */
async function meddled(change: (object: Pod) => void): Promise<string> {
  const object = await patchedBy({ object: pod(IMAGE), policy: INJECTING });
  change(object);
  return said({ object, policy: INJECTING });
}

const sidecarOf = ({ spec }: Pod) => (spec["initContainers"] as Record<string, unknown>[])[0] ?? {};

export const SIDECAR_DENIALS = {
  SIDECAR_UID_TAKEN: () => asked(within({ securityContext: { runAsUser: SIDECAR_UID } })),
  SIDECAR_CONFIG: () => asked({}, { annotations: { "outrider.dev/sidecar-cpu-limit": "half" } }),
  SIDECAR_VOLUME_TAKEN: () => asked(within({ volumeMounts: [{ name: VOLUME, mountPath: "/keys" }] })),
  SIDECAR_NAME_TAKEN: () => asked(within({ name: SIDECAR_NAME })),
  SIDECAR_TARGETED: () =>
    meddled((object) => {
      object.spec["ephemeralContainers"] = [{ name: "debug", image: IMAGE, targetContainerName: SIDECAR_NAME }];
    }),
  SIDECAR_PROBE: () => asked(within({ livenessProbe: { httpGet: { port: MESH_PORTS.from } } })),
  SIDECAR_PROBE_DIRECT: () =>
    meddled((object) => {
      Object.assign((object.spec["containers"] as object[])[0] ?? {}, { livenessProbe: { httpGet: { port: 8080 } } });
    }),
  SIDECAR_MISSING: () =>
    meddled((object) => {
      object.spec["initContainers"] = [];
    }),
  SIDECAR_ALTERED: () =>
    meddled((object) => {
      sidecarOf(object)["command"] = ["sleep", "inf"];
    }),
  SIDECAR_OPT_OUT: () =>
    said({
      object: pod(IMAGE, {}, { annotations: { "outrider.dev/inject": "disabled" } }),
      policy: { pods: { inject: true, optOut: "refused" } },
    }),
};
