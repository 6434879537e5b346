import { describe, expect, it } from "@jest/globals";
import { type Admissible, admissibleBy, type Grounds, type Settled } from "../../../core/policy/admissible.ts";
import { ALLOW, decide, type Violation } from "../../../core/policy/decision.ts";
import type { Digest, Signature } from "../../../core/policy/evidence.ts";

const DIGEST: Digest = `sha256:${"9f".repeat(32)}`;
const IMAGE = "/spec/containers/0/image";
const grounds: Grounds = { kind: "configured", by: "a policy" };
const good: Settled = { decision: ALLOW, onUndecided: "deny", image: IMAGE, grounds };
const violation: Violation = { code: "X", path: "spec", found: "a", expected: "b", fix: "c", rule: "d" };
const undecided = { kind: "undecided", where: "here", cause: new Error("no answer") } as const;

describe("leave for an object", () => {
  it("is given when every image has grounds and no rule refuses", () => {
    expect([...(admissibleBy([IMAGE], [good])?.grounds ?? [])]).toEqual([[IMAGE, [grounds]]]);
  });

  const cases: [when: string, images: readonly string[], settled: readonly Settled[]][] = [
    ["one of its images was spoken of by nobody", [IMAGE, "/spec/containers/1/image"], [good]],
    ["nothing was said at all", [IMAGE], []],
    ["a rule allows an image on no grounds", [IMAGE], [{ decision: ALLOW, onUndecided: "deny", image: IMAGE }]],
    ["one of two rules has no grounds", [IMAGE], [good, { decision: ALLOW, onUndecided: "deny", image: IMAGE }]],
    [
      "a rule about the pod refuses",
      [IMAGE],
      [good, { decision: decide([violation], "enforce"), onUndecided: "deny" }],
    ],
    ["a rule about the pod is undecided", [IMAGE], [good, { decision: undecided, onUndecided: "deny" }]],
    [
      "an image is undecided and let pass, on no grounds",
      [IMAGE],
      [{ decision: undecided, onUndecided: "allow-audited", image: IMAGE }],
    ],
    [
      "an image is denied, whatever grounds somebody wrote beside that",
      [IMAGE],
      [{ ...good, decision: decide([violation], "enforce") }],
    ],
  ];
  it.each(cases)("is not given when %s", (_, images, settled) => expect(admissibleBy(images, settled)).toBeUndefined());

  it("cannot be written down, and neither can evidence that nobody verified: that does not compile", () => {
    // @ts-expect-error only admissibleBy makes one
    const forged: Admissible = { grounds: new Map() };
    const claimed: Signature = { signer: "release", role: "release", form: "bundle-v0.3", digest: DIGEST };
    // @ts-expect-error a claim is not a verified statement
    const unverified: Grounds = { kind: "evidence", by: "p", digest: DIGEST, proofs: [claimed] };
    // @ts-expect-error evidence without any statement
    const empty: Grounds = { kind: "evidence", by: "p", digest: DIGEST, proofs: [] };
    expect([forged, unverified, empty]).toHaveLength(3);
  });
});
