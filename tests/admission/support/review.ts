import type { ReviewRequest } from "../../../admission/review.ts";

/** A review of a Pod being created in namespace shop, as the gate reads it; `more` changes any field of it. */
export function reviewOf(object: object, more: Partial<ReviewRequest> = {}): ReviewRequest {
  return {
    uid: "1",
    group: "",
    kind: "Pod",
    subResource: "",
    namespace: "shop",
    name: "web",
    operation: "CREATE",
    username: "",
    dryRun: false,
    object: { ...object },
    ...more,
  };
}
