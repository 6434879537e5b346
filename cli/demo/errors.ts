/** What the demo itself can fail with; the parts it starts have their own codes. */
export const DEMO_ERRORS = {
  DEMO_PART_NOT_READY: {
    means: "a part that the demo started did not say it was ready in time",
    fix: "read its log, whose path the message names",
  },
  DEMO_PART_DIED: {
    means: "a part ended before it was ready",
    fix: "read its log, whose path the message names",
  },
  DEMO_STOPPED: { means: "the demo was stopped by a signal before it ended", fix: "run it again" },
  DEMO_ANSWER_UNEXPECTED: {
    means: "a part answered something the demo cannot read",
    fix: "run the demo again with --stay and look at the part's log",
  },
  CLI_FOLDER_UNUSABLE: {
    means: "a folder named by a flag cannot be made or written to",
    fix: "name a folder that exists, or one to be made in a folder that exists and is writable",
  },
  CLI_UNKNOWN_SABOTAGE: { means: "--sabotage names nothing the demo can break", fix: "use one of the names listed" },
} as const;

export type DemoCode = keyof typeof DEMO_ERRORS;
