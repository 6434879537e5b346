import { applyPatch, type Operation } from "rfc6902";
import { newHookToken } from "../admission/inject.ts";
import { ejectSidecar, type PodLike } from "../admission/sidecar/eject.ts";
import { injectInto } from "../admission/sidecar/injection.ts";
import { optOutOf } from "../admission/sidecar/opt-out.ts";
import { CodedError } from "../core/base/errors.ts";
import { isObject, type JsonObject } from "../core/policy/pods/pod-spec.ts";
import type { InjectOptions, UninjectOptions } from "./inject.ts";
import { type Changed, changeWorkloads, readManifests, type Workload } from "./manifests.ts";
import { yamlOf } from "./yaml-text.ts";

/** Exit code 0 with every document on standard output, 1 with none when a workload cannot have a sidecar, 2 for wrong input. */
export async function inject({ filename, image, json }: InjectOptions): Promise<void> {
  await rewrite(filename, json, "injected", (workload) => injectOne(workload, image));
}

/** Exit code 0 with every document on standard output, 2 for wrong input. */
export async function uninject({ filename, json }: UninjectOptions): Promise<void> {
  await rewrite(filename, json, "uninjected", ejectOne);
}

/** Documents to standard output and what was done to each to standard error, once nothing of it was refused. */
async function rewrite(
  files: readonly string[],
  json: boolean,
  done: string,
  change: (workload: Workload) => Changed,
): Promise<void> {
  const documents = await readManifests(files);
  const { values, notes, refused } = changeWorkloads(documents, done, change);
  if (refused.length > 0) {
    const message = `${counted(refused.length, "problem")}\n  ${refused.join("\n  ")}`;
    throw new CodedError("INJECT_REFUSED", message, "correct the places named above; nothing was printed");
  }
  process.stdout.write(json ? values.map((value) => `${JSON.stringify(value)}\n`).join("") : yamlOf(values));
  const said = notes.length > 0 ? notes : [`found no workload in ${counted(values.length, "document")}`];
  process.stderr.write(said.map((note) => `${note}\n`).join(""));
}

function injectOne({ object, pod, owner }: Workload, image: string): Changed {
  const out = optOutOf(pod);
  if (out !== undefined) return { kind: "left", why: out.found };
  const injected = injectInto(pod, owner, { image, newToken: newHookToken });
  if (injected.kind === "refused") return injected;
  if (injected.operations.length === 0) return { kind: "left", why: "it has its sidecar" };
  const copy = structuredClone(object);
  applyPatch(copy, [...injected.operations] as Operation[]);
  return { kind: "changed", object: copy };
}

function ejectOne({ object, pod, owner }: Workload): Changed {
  const restored = ejectSidecar(owner);
  if (restored === owner) return { kind: "left", why: "it has no sidecar" };
  const steps = pod.pointer.split("/").slice(1, -1);
  return { kind: "changed", object: replaceAt(object, steps, restored) };
}

function replaceAt(object: JsonObject, [step, ...rest]: readonly string[], value: PodLike): JsonObject {
  if (step === undefined) return value;
  const inner = object[step];
  return { ...object, [step]: replaceAt(isObject(inner) ? inner : {}, rest, value) };
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
