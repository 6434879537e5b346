/**
 * Codes of the policy folder: refusals of connections here, violations of images and pods beside them.
 * docs/errors.md has one row per code and a test compares the two.
 */
export const POLICY_ERRORS = {
  NET_CIDR_INVALID: {
    means: "an ipBlock holds something that is not an address range",
    fix: 'write a range such as "10.0.0.0/8" or "fd00::/8"; each except lies inside its cidr',
  },
} as const;
