/** Codes that dashboards raise. */
export const DASHBOARDS_CODES = ["DASHBOARD_UNWRITABLE"] as const;

export const DASHBOARDS_ERRORS = {
  DASHBOARD_UNWRITABLE: {
    means: "A generated dashboard could not be written to its folder.",
    fix: "Choose a folder that exists on a disk with space left and that this user may write to.",
  },
} as const satisfies Record<(typeof DASHBOARDS_CODES)[number], { means: string; fix: string }>;
