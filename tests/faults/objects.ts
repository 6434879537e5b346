import type { Random } from "../support/registry-of-faults/random.ts";
import type { Gallery, Truth } from "./gallery.ts";

/** An image as one object names it. */
export interface Named {
  /** As it is written. */
  readonly reference: string;
  readonly repository: string;
  /** What it must turn out to be; absent for a tag that moves, and for what is no image at all. */
  readonly truth?: Truth;
  readonly how: "digest" | "tag" | "both" | "moving" | "missing" | "nonsense";
}

/** One review to ask for, and what the gate must answer for in it. */
export interface Asked {
  readonly what: string;
  readonly request: Readonly<Record<string, unknown>>;
  /** Of every image that the object adds. */
  readonly due: readonly Named[];
  /** Whether /mutate has a turn that may pin. */
  readonly mutated: boolean;
  /** True when it depends on what a tag is pinned to whether anything is due. */
  readonly unsure?: boolean;
}

type Json = Readonly<Record<string, unknown>>;
type Slot = "containers" | "initContainers" | "volumes";

const SLOTS: readonly Slot[] = ["containers", "containers", "initContainers", "volumes"];

/** Kinds with a pod template, and where it is. */
const TEMPLATES: readonly (readonly [apiVersion: string, kind: string, wrap: (template: Json) => Json])[] = [
  ...["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet"].map(
    (kind) => ["apps/v1", kind, (template: Json) => ({ spec: { template } })] as const,
  ),
  ["v1", "ReplicationController", (template) => ({ spec: { template } })],
  ["v1", "PodTemplate", (template) => ({ template })],
  ["batch/v1", "Job", (template) => ({ spec: { template } })],
  ["batch/v1", "CronJob", (template) => ({ spec: { jobTemplate: { spec: { template } } } })],
  ["argoproj.io/v1alpha1", "Rollout", (template) => ({ spec: { template, strategy: {} } })],
  ["example.test/v1", "Fleet", (template) => ({ spec: { groups: [{ name: "one", pod: template }] } })],
];

/** The repository that has a tag "moving". */
export const MOVING = "shop/web";

function movingReference({ registry }: Gallery): string {
  return `${registry.host}/${MOVING}:moving`;
}

/** Any object of any kind with one to four images in any of their places. */
export function drawObject(random: Random, gallery: Gallery): Asked {
  const images = Array.from({ length: 1 + random.nat(3) }, () => drawImage(random, gallery));
  const roll = random.nat(10);
  if (roll < 4) return created(random, images);
  if (roll < 5) return updated(random, images, drawImage(random, gallery));
  if (roll < 6) return debugged(images, drawImage(random, gallery));
  const [apiVersion, kind, wrap] = random.pick(TEMPLATES);
  const object = {
    apiVersion,
    kind,
    metadata: META,
    ...wrap({ metadata: { labels: {} }, spec: podSpec(random, images) }),
  };
  return { what: kind, request: requestFor(apiVersion, kind, { object }), due: images, mutated: false };
}

const META = { name: "one", namespace: "shop" };

function created(random: Random, images: readonly Named[]): Asked {
  const object = { apiVersion: "v1", kind: "Pod", metadata: META, spec: podSpec(random, images) };
  return { what: "Pod", request: requestFor("v1", "Pod", { object }), due: images, mutated: true };
}

/** One container gets another image; what is stored already is not asked about again. */
function updated(random: Random, stored: readonly Named[], added: Named): Asked {
  const spec = podSpec(random, stored) as { containers: readonly Json[] };
  const oldObject = { apiVersion: "v1", kind: "Pod", metadata: META, spec };
  const [first, ...others] = spec.containers;
  const object = { ...oldObject, spec: { ...spec, containers: [{ ...first, image: added.reference }, ...others] } };
  const due = dueOf(stored, added, stored[0]);
  const request = requestFor("v1", "Pod", { object, oldObject, operation: "UPDATE" });
  return { what: "Pod update", request, ...due, mutated: true };
}

function debugged(stored: readonly Named[], added: Named): Asked {
  const spec = { containers: stored.map(({ reference: image }, n) => ({ name: `c${n}`, image })) };
  const oldObject = { apiVersion: "v1", kind: "Pod", metadata: META, spec };
  const object = { ...oldObject, spec: { ...spec, ephemeralContainers: [{ name: "debug", image: added.reference }] } };
  const due = dueOf(stored, added);
  const more = { object, oldObject, operation: "UPDATE", subResource: "ephemeralcontainers" };
  return {
    what: "ephemeral container",
    request: requestFor("v1", "Pod", more),
    ...due,
    mutated: true,
  };
}

/**
 * A digest is stored wherever the pod has it, a tag in its own container only. One that another container was pinned
 * from may be pinned to that same text, or to another one if it moved or was lied about.
 *
 * @param inPlace  what stood where the image stands now
 */
function dueOf(stored: readonly Named[], added: Named, inPlace?: Named): Pick<Asked, "due" | "unsure"> {
  const isDigest = ["digest", "both", "missing"].includes(added.how);
  const same = isDigest ? stored : stored.filter((one) => one === inPlace);
  if (same.some(({ reference }) => reference === added.reference)) return { due: [] };
  const unsure = stored.some(({ reference }) => reference.startsWith(`${added.reference}@`));
  return unsure ? { due: [], unsure } : { due: [added] };
}

function podSpec(random: Random, images: readonly Named[]): Json {
  const places = images.map(({ reference }, n) => ({
    reference,
    slot: n === 0 ? "containers" : random.pick(SLOTS),
    name: `c${n}`,
  }));
  const containers = (slot: Slot) =>
    places.filter((one) => one.slot === slot).map(({ name, reference }) => ({ name, image: reference }));
  const volumes = places
    .filter(({ slot }) => slot === "volumes")
    .map(({ name, reference }) => ({ name, image: { reference } }));
  return {
    containers: containers("containers"),
    ...(containers("initContainers").length === 0 ? {} : { initContainers: containers("initContainers") }),
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

function requestFor(apiVersion: string, kind: string, more: Json): Json {
  const [group, version] = apiVersion.includes("/") ? apiVersion.split("/") : ["", apiVersion];
  return {
    uid: "one",
    kind: { group, version, kind },
    resource: { group, version, resource: `${kind.toLowerCase()}s` },
    namespace: "shop",
    name: "one",
    operation: "CREATE",
    userInfo: { username: "somebody" },
    ...more,
  };
}

function drawImage(random: Random, gallery: Gallery): Named {
  const truth = drawTruth(random, gallery);
  const { repository } = truth;
  const roll = random.nat(100);
  if (roll < 45) return { reference: truth.pinned, repository, truth, how: "digest" };
  if (roll < 75) return { reference: truth.tagged, repository, truth, how: "tag" };
  if (roll < 82) return { reference: `${truth.tagged}@${truth.digest}`, repository, truth, how: "both" };
  if (roll < 94) return { reference: movingReference(gallery), repository: MOVING, how: "moving" };
  if (roll < 97) return { reference: `${truth.pinned.slice(0, -6)}000000`, repository, how: "missing" };
  const nonsense = [`${gallery.registry.host}/Shop/web:1`, "no image", `${truth.tagged}@sha256:12`];
  return { reference: random.pick(nonsense), repository, how: "nonsense" };
}

/** Good ones often enough that whole objects are good. */
function drawTruth(random: Random, { images }: Gallery): Truth {
  if (random.chance(0.5)) return random.pick(images);
  return random.pick(
    images.filter(({ what }) => what.startsWith("signed by both") || what.startsWith("signed, scanned")),
  );
}
