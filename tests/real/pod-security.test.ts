import { execFile } from "node:child_process";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  POD_SECURITY_LEVELS,
  type PodSecurityLevel,
  type PodSecurityVersion,
  podSecurityFindings,
} from "../../core/policy/pods/pod-security.ts";
import { levelsOfLabels } from "../../core/policy/pods/pod-security-labels.ts";
import { podSpecsOf } from "../../core/policy/pods/pod-spec-find.ts";
import { NEWEST_MINOR } from "../../core/policy/pods/security/checks.ts";
import { PARTS } from "../../tools/parts.mjs";
import { describeWith } from "../support/parts.ts";
import { type RandomPod, randomLabels, randomPod } from "../support/random-pods.ts";

/** The same pods every time; another seed gives others. */
const SEED = Number(process.env["OUTRIDER_SEED"] ?? 20_261_121);
const PODS = Number(process.env["OUTRIDER_PODS"] ?? 2_000);
const LABELS = 1_000;
const ANSWER_LIMIT_BYTES = 1024 ** 3;
const DEADLINE_MS = 120_000;

/** Every level in every version, one past the newest and one far past it. */
const VERSIONS: readonly PodSecurityVersion[] = [
  ...Array.from({ length: NEWEST_MINOR + 2 }, (_, minor): PodSecurityVersion => `v1.${minor}`),
  "v1.999",
  "latest",
];
const ASKED = POD_SECURITY_LEVELS.flatMap((level) => VERSIONS.map((version) => [level, version] as const));

interface Verdict {
  readonly allowed: boolean;
  readonly reasons: readonly string[] | null;
  readonly details: readonly string[] | null;
}

describe("the standard's newest version", () => {
  it("is that of the library it is compared with", () => {
    expect(PARTS["pod-security-oracle"].version).toMatch(new RegExp(`^v0\\.${NEWEST_MINOR}\\.`));
  });
});

describeWith(["pod-security-oracle"], "Kubernetes' own Pod Security library", ({ "pod-security-oracle": oracle }) => {
  it(
    `says of ${PODS} pods what ours says: verdict, reasons, details and their order, at every level and version`,
    async () => {
      const pods = fc.sample(randomPod, { seed: SEED, numRuns: PODS });
      const asked = ASKED.map(([level, version]) => `${level}:${version}`);
      const answers = await ask<readonly Verdict[]>(
        oracle,
        pods.map((pod) => ({ pod, asked })),
      );
      const differing = pods.flatMap((pod, index) => differences(pod, answers[index] ?? []));
      expect(differing.slice(0, 3)).toEqual([]);
      expect(answers).toHaveLength(PODS);
    },
    DEADLINE_MS,
  );

  it("has every reason among its answers, or the pods are too tame", async () => {
    const pods = fc.sample(randomPod, { seed: SEED, numRuns: PODS });
    const answers = await ask<readonly Verdict[]>(
      oracle,
      pods.map((pod) => ({ pod, asked: ["restricted:v1.34", "baseline:v1.34"] })),
    );
    expect([...new Set(answers.flat().flatMap(({ reasons }) => reasons ?? []))].toSorted()).toEqual([
      "allowPrivilegeEscalation != false",
      "forbidden AppArmor profile",
      "forbidden AppArmor profiles",
      "forbidden sysctls",
      "host namespaces",
      "hostPath volumes",
      "hostPort",
      "hostProcess",
      "non-default capabilities",
      "privileged",
      "probe or lifecycle host",
      "procMount",
      "restricted volume types",
      "runAsNonRoot != true",
      "runAsUser=0",
      "seLinuxOptions",
      "seccompProfile",
      "unrestricted capabilities",
    ]);
  });

  it("reads a namespace's labels as ours does", async () => {
    const labels = fc.sample(randomLabels, { seed: SEED, numRuns: LABELS });
    const answers = await ask<Record<string, string>>(
      oracle,
      labels.map((one) => ({ labels: one })),
    );
    expect(labels.map(modesOf)).toEqual(answers.map((answer, index) => withoutDefault(answer, labels[index] ?? {})));
  });
});

function differences(pod: RandomPod, theirs: readonly Verdict[]): object[] {
  return ASKED.flatMap(([level, version], index) => {
    const ours = verdictOf(pod, level, version);
    const said = theirs[index];
    return JSON.stringify(ours) === JSON.stringify(said)
      ? []
      : [{ pod: JSON.stringify(pod), level, version, ours, said }];
  });
}

function verdictOf(pod: RandomPod, level: PodSecurityLevel, version: PodSecurityVersion): Verdict {
  const findings = podSpecsOf({ ...pod }, "", "Pod").flatMap((at) => podSecurityFindings(at, level, version));
  if (findings.length === 0) return { allowed: true, reasons: null, details: null };
  return {
    allowed: false,
    reasons: findings.map(({ reason }) => reason),
    details: findings.map(({ detail }) => detail),
  };
}

function modesOf(labels: Record<string, string>): Record<string, string> {
  const asked = levelsOfLabels(labels).map(({ mode, level, version }) => [mode, `${level}:${version}`]);
  return { enforce: "privileged", warn: "privileged", audit: "privileged", ...Object.fromEntries(asked) };
}

/**
 * The library keeps a version where no level is asked for, and warns of the enforced level besides: we refuse by that
 * one in templates, too.
 */
function withoutDefault(answer: Record<string, string>, labels: Record<string, string>): Record<string, string> {
  const warns = labels["pod-security.kubernetes.io/warn"] !== undefined;
  const shown = { ...answer, ...(warns ? {} : { warn: "privileged" }) };
  return Object.fromEntries(
    Object.entries(shown).map(([mode, text]) => {
      const asked = ["privileged", "baseline", "restricted"].includes(
        labels[`pod-security.kubernetes.io/${mode}`] ?? "",
      );
      return [mode, text.startsWith("privileged") && !asked ? "privileged" : text];
    }),
  );
}

function ask<T>(oracle: string, questions: readonly object[]): Promise<T[]> {
  return new Promise((resolve, reject) => {
    const child = execFile(oracle, { maxBuffer: ANSWER_LIMIT_BYTES }, (error, stdout, stderr) => {
      if (error === null)
        resolve(
          stdout
            .trimEnd()
            .split("\n")
            .map((line) => JSON.parse(line) as T),
        );
      else reject(new Error(stderr, { cause: error }));
    });
    child.stdin?.end(questions.map((question) => JSON.stringify(question)).join("\n"));
  });
}
