import type { Violation } from "../../core/policy/decision.ts";
import { POD_VIOLATIONS_LIMIT } from "../../core/policy/pods/pod-security.ts";
import {
  type ContainerAt,
  containersOf,
  element,
  field,
  isObject,
  type JsonObject,
  type PodSpecAt,
} from "../../core/policy/pods/pod-spec.ts";
import { SIDECAR_NAME, SIDECAR_UID, SIDECAR_VOLUMES } from "./sidecar-spec.ts";

/** A violation whose rule is not known yet. */
export type Found = Omit<Violation, "rule">;

/**
 * What an author may not do beside a sidecar: run as its user, whose keys that user could read; mount its volumes; take
 * its name; or enter its process namespace with a debug container. Looked for in every list of containers, since any of
 * them shares the pod.
 *
 * @throws {CodedError} POD_MALFORMED
 */
export function authorProblems(pod: PodSpecAt): Found[] {
  const others = containersOf(pod).filter(({ name, list }) => name !== SIDECAR_NAME || list !== "initContainers");
  const ofPod = userOf(pod.spec);
  const problems = others.flatMap((at) => [
    ...uidProblems(at, ofPod, pod.path),
    ...mountProblems(at),
    ...nameProblems(at),
    ...targetProblems(at),
  ]);
  return problems.slice(0, POD_VIOLATIONS_LIMIT);
}

function uidProblems({ name, path, container }: ContainerAt, ofPod: number | undefined, podPath: string): Found[] {
  const own = userOf(container);
  if ((own ?? ofPod) !== SIDECAR_UID) return [];
  return [
    {
      code: "SIDECAR_UID_TAKEN",
      path: `${own === undefined ? podPath : path}.securityContext.runAsUser`,
      subject: `container ${name}`,
      found: `user ${SIDECAR_UID}, which is the sidecar's`,
      expected: "another user",
      fix: "choose another runAsUser, or opt out with outrider.dev/inject: disabled",
    },
  ];
}

function mountProblems({ name, container, ...place }: ContainerAt): Found[] {
  const mounts = Array.isArray(container["volumeMounts"]) ? container["volumeMounts"] : [];
  return mounts.flatMap((mount: unknown, index): Found[] => {
    const volume = isObject(mount) ? mount["name"] : undefined;
    if (typeof volume !== "string" || !SIDECAR_VOLUMES.includes(volume)) return [];
    return [
      {
        code: "SIDECAR_VOLUME_TAKEN",
        path: element(field(place, "volumeMounts"), index).path,
        subject: `container ${name}`,
        found: `a mount of ${volume}, which is the sidecar's`,
        expected: "volumes of the pod's own",
        fix: "remove the mount; an application asks for its own token with a volume of its own",
      },
    ];
  });
}

function nameProblems({ name, path }: ContainerAt): Found[] {
  if (name !== SIDECAR_NAME) return [];
  return [
    {
      code: "SIDECAR_NAME_TAKEN",
      path: `${path}.name`,
      found: `the name ${SIDECAR_NAME}`,
      expected: "a name that is not the sidecar's",
      fix: "rename the container",
    },
  ];
}

function targetProblems({ name, path, container }: ContainerAt): Found[] {
  if (container["targetContainerName"] !== SIDECAR_NAME) return [];
  return [
    {
      code: "SIDECAR_TARGETED",
      path: `${path}.targetContainerName`,
      subject: `container ${name}`,
      found: "the sidecar's process namespace",
      expected: "one of the application's containers",
      fix: "debug with --target set to an application container; outrider explain and the admin port tell about the sidecar",
    },
  ];
}

function userOf(owner: JsonObject): number | undefined {
  const context = isObject(owner["securityContext"]) ? owner["securityContext"] : {};
  return typeof context["runAsUser"] === "number" ? context["runAsUser"] : undefined;
}
