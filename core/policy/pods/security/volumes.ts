import { type JsonObject, textOf } from "../pod-spec.ts";
import { type Breach, type Finding, isAbsent, namedText, plural, quoted, shown, sorted, use } from "./finding.ts";
import { entriesOf, type PodView } from "./view.ts";

/** Types a volume may have at the restricted level. An image volume's image is verified like a container's. */
export const RESTRICTED_VOLUMES: readonly string[] = [
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "image",
  "persistentVolumeClaim",
  "projected",
  "secret",
];

/** The other types of the API, in the order in which one is named. @see k8s.io/api/core/v1 VolumeSource */
export const OTHER_VOLUMES: readonly string[] = [
  "hostPath",
  "gcePersistentDisk",
  "awsElasticBlockStore",
  "gitRepo",
  "nfs",
  "iscsi",
  "glusterfs",
  "rbd",
  "flexVolume",
  "cinder",
  "cephfs",
  "flocker",
  "fc",
  "azureFile",
  "vsphereVolume",
  "quobyte",
  "azureDisk",
  "photonPersistentDisk",
  "portworxVolume",
  "scaleIO",
  "storageos",
];

export function hostPaths(view: PodView): Finding | undefined {
  const breaches = volumeBreaches(view, "PSS_HOST_PATH", ({ hostPath }) =>
    isAbsent(hostPath) ? undefined : { step: "hostPath", found: `hostPath ${shown(hostPath)}` },
  );
  if (breaches.length === 0) return undefined;
  return {
    reason: "hostPath volumes",
    detail: namedText(
      "volume",
      breaches.map(({ name }) => name),
    ),
    breaches,
  };
}

/**
 * A volume has one type, as the API server sees to in a Pod. Where nobody does, in a custom resource, a second and
 * forbidden one beside an allowed one counts.
 */
export function restrictedVolumes(view: PodView): Finding | undefined {
  const breaches = volumeBreaches(view, "PSS_VOLUME_TYPE", (volume) => {
    const type = forbiddenType(volume);
    return type === undefined ? undefined : { found: type === "unknown" ? unknownText(volume) : type, type };
  });
  if (breaches.length === 0) return undefined;
  const names = breaches.map(({ name }) => name);
  const types = sorted(breaches.map(({ type }) => type ?? ""));
  const detail = `${namedText("volume", names)} ${use(names.length)} ${plural("restricted volume type", types.length)} ${quoted(types)}`;
  return { reason: "restricted volume types", detail, breaches };
}

interface VolumeBreach extends Breach {
  readonly name: string;
  /** The type as the standard names it. */
  readonly type?: string;
}

interface Wrong {
  readonly found: string;
  readonly step?: string;
  readonly type?: string;
}

function volumeBreaches(
  view: PodView,
  code: Breach["code"],
  wrongIn: (volume: JsonObject) => Wrong | undefined,
): VolumeBreach[] {
  return entriesOf(view, view.pod, view.at.spec["volumes"], ["volumes"]).flatMap((volume, index): VolumeBreach[] => {
    const wrong = wrongIn(volume);
    if (wrong === undefined) return [];
    const name = textOf(volume["name"]);
    const { step, ...more } = wrong;
    const at = ["volumes", index, ...(step === undefined ? [] : [step])];
    return [{ code, setter: view.pod, at, value: undefined, subject: `volume ${name}`, name, ...more }];
  });
}

function forbiddenType(volume: JsonObject): string | undefined {
  const other = OTHER_VOLUMES.find((type) => !isAbsent(volume[type]));
  if (other !== undefined) return other;
  return RESTRICTED_VOLUMES.some((type) => !isAbsent(volume[type])) ? undefined : "unknown";
}

function unknownText(volume: JsonObject): string {
  return (
    Object.keys(volume)
      .filter((key) => key !== "name" && !isAbsent(volume[key]))
      .join(", ") || "no type"
  );
}
