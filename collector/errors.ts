/** What the collector says when it cannot start, read or keep something. */
export const COLLECTOR_ERRORS = {
  COLLECTOR_BODY_TOO_LARGE: {
    means: "a telemetry request is larger than the limit, after decompression",
    fix: "send smaller batches",
  },
  COLLECTOR_BODY_BROKEN: {
    means: "a telemetry request's body cannot be decompressed, or ended early",
    fix: "send content-encoding gzip, or none, with the whole body",
  },
  COLLECTOR_MEMORY_PRESSURE: {
    means: "the collector has too little memory left to take a request in",
    fix: "send the batch again later; give the collector more memory when it happens often",
  },
  COLLECTOR_STATE_BROKEN: {
    means: "the saved state cannot be read",
    fix: "move the state folder away and start again; totals and budgets then start from zero",
  },
  COLLECTOR_STATE_IN_USE: {
    means: "another collector on this machine writes to the same state folder",
    fix: "stop the other one, or give each its own stateDir",
  },
  COLLECTOR_UNREACHABLE: {
    means: "a command could not reach the collector",
    fix: "start it with: outrider collector --config FILE, or name another with --collector URL",
  },
} as const;

export const COLLECTOR_CODES = Object.keys(COLLECTOR_ERRORS) as readonly (keyof typeof COLLECTOR_ERRORS)[];
