import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { coversNamespace, coversPod, policyIn } from "../../../../core/policy/images/match.ts";
import { imagePolicy } from "../../../support/image-policy.ts";

const policy = (match: object, more: object = {}) =>
  imagePolicy({ match: { images: ["ghcr.io/acme/*"], ...match }, pods: {}, ...more });
const shop = { name: "shop", labels: { tier: "prod", team: "a" } };

describe("a policy speaks of a namespace", () => {
  it.each<[string, object, boolean]>([
    ["when it restricts none", {}, true],
    ["that it names", { namespaces: ["other", "shop"] }, true],
    ["not of another", { namespaces: ["shop-2"] }, false],
    ["whose labels it selects", { namespaceSelector: { matchLabels: { tier: "prod" } } }, true],
    ["not of one with another label", { namespaceSelector: { matchLabels: { tier: "dev" } } }, false],
    [
      "only where name and labels both match",
      { namespaces: ["shop"], namespaceSelector: { matchLabels: { tier: "dev" } } },
      false,
    ],
    [
      "by an expression",
      { namespaceSelector: { matchExpressions: [{ key: "tier", operator: "In", values: ["prod", "stage"] }] } },
      true,
    ],
    [
      "by a label that is not there",
      { namespaceSelector: { matchExpressions: [{ key: "x", operator: "DoesNotExist" }] } },
      true,
    ],
  ])("%s", (_, match, covers) => expect(coversNamespace(policy(match), shop)).toBe(covers));

  it("whose labels are not known, whatever they are selected by, so that too much is judged and not too little", () => {
    const selected = policy({ namespaceSelector: { matchLabels: { tier: "dev" } } });
    expect(coversNamespace(selected, { name: "shop", labels: undefined })).toBe(true);
    expect(coversNamespace(selected, { name: "shop", labels: {} })).toBe(false);
  });
});

describe("a policy's mode", () => {
  const modes = [
    { namespaces: ["shop"], mode: "audit" },
    { namespaceSelector: { matchLabels: { "outrider.dev/mode": "warn" } }, mode: "warn" },
  ];
  const modeOf = (name: string, labels: Record<string, string> | undefined) =>
    policyIn(policy({}, { modes }), { name, labels }).spec.mode;
  it.each<[string, string, Record<string, string> | undefined, string]>([
    ["is that of the namespace's name", "shop", {}, "audit"],
    ["is that of its labels", "web", { "outrider.dev/mode": "warn" }, "warn"],
    ["is the first that matches", "shop", { "outrider.dev/mode": "warn" }, "audit"],
    ["is its own elsewhere", "web", { "outrider.dev/mode": "audit" }, "enforce"],
    ["is not relaxed by labels that nobody knows", "web", undefined, "enforce"],
  ])("%s", (_, name, labels, mode) => expect(modeOf(name, labels)).toBe(mode));
});

describe("an empty selection", () => {
  it.each<[string, object]>([
    ["of namespaces", { namespaces: [] }],
    ["of namespaces by labels", { namespaceSelector: {} }],
    ["of namespaces by no label", { namespaceSelector: { matchLabels: {} } }],
    ["of namespaces by no expression", { namespaceSelector: { matchExpressions: [] } }],
    ["of pods", { labels: {} }],
    ["by an In of nothing", { labels: { matchExpressions: [{ key: "a", operator: "In", values: [] }] } }],
    ["by a NotIn of nothing", { labels: { matchExpressions: [{ key: "a", operator: "NotIn" }] } }],
    ["by an Exists with values", { labels: { matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] } }],
    [
      "by an operator that there is not",
      { labels: { matchExpressions: [{ key: "a", operator: "in", values: ["b"] }] } },
    ],
  ])("%s is refused, and never means all", (_, match) => expect(() => policy(match)).toThrow());

  it("of modes is refused too", () => {
    expect(() => policy({}, { modes: [{ mode: "audit" }] })).toThrow(/namespaces or namespaceSelector/);
    expect(() => policy({}, { modes: [{ namespaceSelector: {}, mode: "audit" }] })).toThrow(/at least one requirement/);
  });
});

describe("labels of pods", () => {
  const label = fc.constantFrom("a", "b", "c");
  const labels = fc.dictionary(label, fc.constantFrom("1", "2"), { noNullPrototype: true });

  it("are covered when every pair that is wanted is there, and by no more than that", () => {
    fc.assert(
      fc.property(
        labels.filter((wanted) => Object.keys(wanted).length > 0),
        labels,
        (matchLabels, has) => {
          const covered = coversPod(policy({ labels: { matchLabels } }), has);
          expect(covered).toBe(Object.entries(matchLabels).every(([key, value]) => has[key] === value));
        },
      ),
    );
  });

  it("that are inherited from every object are nobody's", () => {
    const selected = policy({ labels: { matchExpressions: [{ key: "constructor", operator: "Exists" }] } });
    expect(coversPod(selected, {})).toBe(false);
  });
});
