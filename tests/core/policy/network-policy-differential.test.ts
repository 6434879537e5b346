import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { judgeConnection } from "../../../core/policy/network/network-policy.ts";
import { compileNetworkPolicy } from "../../../core/policy/network/network-policy-compile.ts";
import { type Question, type ReferenceWorld, referenceAllows } from "./network-policy-reference.ts";
import { questionsOf, world } from "./network-policy-worlds.ts";

/** The product's answer: compile for the pod, then judge. */
function productAllows({ pods, namespaces, policies }: ReferenceWorld, question: Question): boolean {
  const compiled = compileNetworkPolicy(question.pod, question.direction, {
    pods,
    namespaceLabels: new Map(
      Object.entries(namespaces).map(([name, its]) => [name, { ...its, "kubernetes.io/metadata.name": name }]),
    ),
    policies: policies.map((policy, index) => ({
      ...policy,
      name: `p${index}`,
      source: `p.yaml:${index}`,
      ruleSources: { ingress: [], egress: [] },
    })),
  });
  const { ip, peer: other, protocol, port: number } = question;
  return judgeConnection(compiled, { ip, ...(other === undefined ? {} : { podUid: other.uid }) }, { protocol, number })
    .allowed;
}

describe("compile and judge", () => {
  it("say of every connection of any cluster what the documentation says, told independently", () => {
    const said = { yes: 0, no: 0 };
    fc.assert(
      fc.property(world, (it) => {
        const questions = questionsOf(it);
        const sample = questions.filter((_, index) => index % 7 === questions.length % 7);
        for (const question of sample) {
          const allowed = referenceAllows(it, question);
          said[allowed ? "yes" : "no"]++;
          if (productAllows(it, question) !== allowed) {
            throw new Error(`expected ${allowed ? "allow" : "deny"} of ${JSON.stringify(question)}`);
          }
        }
      }),
      { numRuns: 250 },
    );
    expect(Math.min(said.yes, said.no)).toBeGreaterThan(1000); // neither answer is the only one asked for
  });
});
