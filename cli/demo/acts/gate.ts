import type { Stage } from "../stage.ts";
import type { Finding, VerdictName } from "../verdicts.ts";
import { goodPod } from "./pods.ts";
import { type AppliedPod, admit, type Pod, type ReviewAnswer, reviewEphemeral } from "./review.ts";
import type { Supplies } from "./supply.ts";

/** An image pinned to the digest that was verified, its tag kept for people. */
const PINNED = /:[^@/]+@sha256:[0-9a-f]{64}$/;
const SIDECAR = "outrider-sidecar";

/** The webhook, asked over HTTPS as the API server would ask it. */
export async function gateAct(stage: Stage, supplies: Supplies): Promise<void> {
  stage.transcript.act("Gate", `https://${stage.layout.webhook}, AdmissionReview v1`);
  const { images } = supplies;
  await stage.judge("signed (simple) admitted", () => admitted(stage, goodPod(images.simple)));
  const bundle = goodPod(images.bundle);
  await stage.judge("signed (bundle) admitted", () => admitted(stage, bundle));
  const applied = await admit(stage.layout, bundle).catch(() => undefined);
  await stage.judge("digest pinned", () => pinned(stage, applied));
  await stage.judge("sidecar injected once under re-invocation", () => injectedOnce(stage, applied));
  for (const [name, pod, needle] of refusals(supplies)) await stage.judge(name, () => refused(stage, pod, needle));
  await stage.judge("bad ephemeral container refused", () => ephemeralRefused(stage, supplies));
}

/** Each refused pod is the good one with one thing wrong; `needle` must be in the reason. */
function refusals({ images }: Supplies): readonly (readonly [VerdictName, Pod, readonly string[]])[] {
  const good = goodPod(images.simple);
  const bad = { name: "extra", image: images.unsigned };
  const main = good.spec.containers[0];
  return [
    ["unsigned refused", goodPod(images.unsigned), ["IMG_UNSIGNED"]],
    ["vulnerable refused", goodPod(images.vulnerable), ["IMG_VULNERABLE", "CVE-2021-44228"]],
    ["attestation is not a signature", goodPod(images.attested), ["IMG_UNSIGNED"]],
    [
      "privileged refused",
      {
        ...good,
        spec: {
          ...good.spec,
          containers: [{ ...main, name: "shop", image: images.simple, securityContext: { privileged: true } }],
        },
      },
      ["PSS_PRIVILEGED", "spec.containers[0].securityContext.privileged"],
    ],
    [
      "bad init container refused",
      { ...good, spec: { ...good.spec, initContainers: [bad] } },
      ["IMG_UNSIGNED", "spec.initContainers[0].image"],
    ],
    [
      "bad image volume refused",
      { ...good, spec: { ...good.spec, volumes: [{ name: "data", image: { reference: images.unsigned } }] } },
      ["IMG_UNSIGNED", "spec.volumes[0].image.reference"],
    ],
    [
      "Rego rule refused",
      { ...good, metadata: { ...good.metadata, labels: { app: "shop" } } },
      ["required-labels", "owner"],
    ],
    ["tampered digest refused", goodPod(images.tampered), ["IMG_DIGEST_MISMATCH"]],
  ];
}

async function admitted(stage: Stage, pod: Pod): Promise<Finding> {
  const { validated, evidence } = await admit(stage.layout, pod);
  for (const line of evidence) stage.transcript.say(line);
  if (!validated.allowed) return { ok: false, got: firstReason(validated) };
  const signer = evidence.join(" ").includes("acme-release") ? "acme-release" : "unknown";
  return { ok: signer === "acme-release", got: `admitted, signer ${signer}` };
}

function pinned(stage: Stage, applied: AppliedPod | undefined): Finding {
  if (applied === undefined) return { ok: false, got: "no answer" };
  stage.transcript.quote(applied.patchText);
  const images = applied.pod.spec.containers.map((container) => container.image);
  return { ok: images.every((image) => PINNED.test(image)), got: images.join(", ") };
}

async function injectedOnce(stage: Stage, applied: AppliedPod | undefined): Promise<Finding> {
  if (applied === undefined) return { ok: false, got: "no answer" };
  const again = await admit(stage.layout, applied.pod);
  const sidecars = (again.pod.spec.initContainers ?? []).filter((container) => container.name === SIDECAR);
  const native = sidecars.filter((container) => container.restartPolicy === "Always").length;
  return {
    ok: sidecars.length === 1 && native === 1,
    got: `${sidecars.length} sidecar after 2 passes, ${native} native`,
  };
}

async function refused(stage: Stage, pod: Pod, needles: readonly string[]): Promise<Finding> {
  const { validated } = await admit(stage.layout, pod);
  return refusalFinding(stage, validated, needles);
}

async function ephemeralRefused(stage: Stage, { images }: Supplies): Promise<Finding> {
  const running = goodPod(images.simple);
  const debug = { name: "debug", image: images.unsigned };
  const changed = { ...running, spec: { ...running.spec, ephemeralContainers: [debug] } };
  const answer = await reviewEphemeral(stage.layout, running, changed);
  return refusalFinding(stage, answer, ["IMG_UNSIGNED", "spec.ephemeralContainers[0].image"]);
}

function refusalFinding(stage: Stage, answer: ReviewAnswer, needles: readonly string[]): Finding {
  const message = answer.status?.message ?? "";
  if (answer.allowed) return { ok: false, got: "admitted" };
  stage.transcript.quote(deniedPart(message));
  const missing = needles.filter((needle) => !message.includes(needle));
  return {
    ok: missing.length === 0,
    got:
      missing.length === 0
        ? `refused: ${needles.join(" at ")}`
        : `refused without ${missing.join(", ")}: ${firstReason(answer)}`,
  };
}

/** The refusal as the API server shows it, without the images that passed. */
function deniedPart(message: string): string {
  const lines = message.split("\n").filter((line) => line.trim() !== "" && !line.trim().startsWith("rule: "));
  const passed = lines.findIndex((line) => /^ {2}allow /.test(line));
  return lines.slice(0, passed === -1 ? undefined : passed).join("\n");
}

function firstReason(answer: ReviewAnswer): string {
  return (
    answer.status?.message
      ?.split("\n")
      .find((line) => /[A-Z]+_[A-Z]+/.test(line))
      ?.trim() ??
    answer.status?.message ??
    "no reason"
  );
}
