import { z } from "zod";
import { cel, GLOBS_PER_POLICY } from "./fields.ts";

/** Most requirements of one selector. */
export const REQUIREMENTS_LIMIT = 64;

/** A label's key or value at its longest: prefix of 253, slash, name of 63. */
const labelKey = z.string().min(1).max(317);
const labelValue = z.string().max(63);

const requirement = z
  .strictObject({
    key: labelKey.describe("The label's name."),
    operator: z.enum(["In", "NotIn", "Exists", "DoesNotExist"]).describe("How the label relates to the values."),
    values: z.array(labelValue).max(GLOBS_PER_POLICY).optional().describe("For In and NotIn, at least one."),
  })
  .superRefine(({ operator, values = [] }, context) => {
    const wantsValues = operator === "In" || operator === "NotIn";
    if (wantsValues === values.length > 0) return;
    const message = wantsValues ? `expected at least one value for ${operator}` : `expected no values for ${operator}`;
    context.addIssue({ code: "custom", path: ["values"], message });
  });

/** A label selector that says something: the empty one, which would select everything, is refused. */
export const selectorField = z
  .strictObject({
    matchLabels: z.record(labelKey, labelValue).optional().describe("Labels that must have exactly these values."),
    matchExpressions: z
      .array(requirement)
      .max(REQUIREMENTS_LIMIT)
      .optional()
      .describe("Further requirements, all of which must hold."),
  })
  .refine(
    ({ matchLabels = {}, matchExpressions = [] }) => Object.keys(matchLabels).length + matchExpressions.length > 0,
    "expected at least one requirement: an empty selector selects everything, so leave the field out to mean that",
  )
  .meta(
    cel(
      "(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
      "expected at least one requirement: an empty selector selects everything, so leave the field out to mean that",
    ),
  );
