import { judgePodSecurity } from "../../core/policy/pods/pod-security.ts";
import { isObject } from "../../core/policy/pods/pod-spec.ts";
import { podSpecsOf } from "../../core/policy/pods/pod-spec-find.ts";
import type { Row } from "../suite/row.ts";
import { podReview } from "./reviews.ts";
import type { Stage } from "./stage.ts";

const ROUNDS = 9;
const PODS_PER_ROUND = 20_000;

/** The restricted level alone, over a pod that meets it: every check runs to its end. */
export const levelRow: Row<Stage> = {
  path: "restricted level alone",
  unit: "µs/pod",
  bar: { sense: "at most", limit: 30 },
  measure: async () => {
    const review = JSON.parse(podReview(["a/b:1", "a/c:1", "a/d:1"])) as { request: { object: unknown } };
    const { object } = review.request;
    const [pod] = isObject(object) ? podSpecsOf(object, "", "Pod") : [];
    if (pod === undefined) throw new Error("the review holds no pod");
    const ours: number[] = [];
    for (let round = 0; round <= ROUNDS; round++) {
      const startedMs = performance.now();
      for (let index = 0; index < PODS_PER_ROUND; index++) {
        if (judgePodSecurity(pod, "restricted", "latest", "bench").length > 0)
          throw new Error("the pod does not meet the level");
      }
      if (round > 0) ours.push(((performance.now() - startedMs) * 1000) / PODS_PER_ROUND);
    }
    return { ours, note: `3 containers, ${ROUNDS} rounds of ${PODS_PER_ROUND} pods after one to warm up` };
  },
};
