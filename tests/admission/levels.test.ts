import { describe, expect, it } from "@jest/globals";
import { extract } from "../../admission/containers.ts";
import { type LevelRule, levelsOfNamespace, tellingLevels } from "../../admission/levels.ts";
import { reviewOf } from "./support/review.ts";

const rule = (mode: LevelRule["mode"], level: LevelRule["level"], version: LevelRule["version"] = "latest") => ({
  level,
  version,
  mode,
  rule: `${mode} ${level}`,
});

describe("of several Pod Security levels", () => {
  const cases: [given: string, asked: LevelRule[], judged: LevelRule[]][] = [
    [
      "the strictest counts",
      [rule("enforce", "baseline"), rule("enforce", "restricted")],
      [rule("enforce", "restricted")],
    ],
    [
      "a stricter one that warns adds to one that is enforced",
      [rule("warn", "restricted"), rule("enforce", "baseline")],
      [rule("enforce", "baseline"), rule("warn", "restricted")],
    ],
    [
      "one that is enforced makes the same warning superfluous",
      [rule("warn", "baseline"), rule("audit", "restricted"), rule("enforce", "restricted")],
      [rule("enforce", "restricted")],
    ],
    ["privileged asks for nothing", [rule("enforce", "privileged")], []],
    [
      "those of different versions all count, as neither includes the other",
      [rule("enforce", "baseline", "v1.20"), rule("enforce", "restricted", "v1.8")],
      [rule("enforce", "restricted", "v1.8"), rule("enforce", "baseline", "v1.20")],
    ],
    ["an audited one stays where nothing firmer includes it", [rule("audit", "baseline")], [rule("audit", "baseline")]],
  ];
  it.each(cases)("%s", (_, asked, judged) => expect(tellingLevels(asked)).toEqual(judged));

  it("those of a namespace are named after it", () => {
    expect(levelsOfNamespace({ "pod-security.kubernetes.io/audit": "baseline" }, "shop")).toEqual([
      { mode: "audit", level: "baseline", version: "latest", rule: "Namespace shop" },
    ]);
  });
});

describe("an update that changes nothing but a profile in an annotation", () => {
  const pod = (annotations: object) => ({ metadata: { annotations }, spec: { containers: [{ image: "a" }] } });
  const update = (name: string) =>
    reviewOf(pod({ [name]: "unconfined" }), { operation: "UPDATE", oldObject: pod({ [name]: "runtime/default" }) });
  it.each([
    ["container.apparmor.security.beta.kubernetes.io/web", 1],
    ["seccomp.security.alpha.kubernetes.io/pod", 1],
    ["example.com/colour", 0],
  ])("%s: %d pods are judged by their level again", (name, count) => {
    expect(extract(update(name)).newPods).toHaveLength(count);
  });
});
