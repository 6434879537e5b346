import { parseArgs } from "node:util";
import { writeSection } from "./results.ts";
import { type Outcome, outcomeOf, type Row } from "./row.ts";

export interface Suite<Stage> {
  readonly name: string;
  /** One sentence above the table. */
  readonly about: string;
  readonly rows: readonly Row<Stage>[];
  /** Starts what the rows share. */
  open(): Promise<Stage & { close(): Promise<void> }>;
  /** Versions of everything measured, asked after the rows ran. */
  versions(stage: Stage): Promise<readonly string[]>;
}

/**
 * Runs a suite's rows one after the other and prints each as it ends; the whole suite is written to RESULTS.md.
 *
 *   --only TEXT   the rows whose path contains TEXT; nothing is written
 *   --json        one object a line instead of the table
 *
 * Ends with 1 when a row misses its bar or could not be measured.
 */
export async function runSuite<Stage>(suite: Suite<Stage>, args: readonly string[]): Promise<void> {
  const { values } = parseArgs({
    args: [...args],
    options: { only: { type: "string" }, json: { type: "boolean", default: false } },
  });
  const { only, json } = values;
  const chosen = suite.rows.filter(({ path }) => only === undefined || path.includes(only));
  if (chosen.length === 0) {
    process.stderr.write(`error: no row of ${suite.name} contains ${only}\nhint: one of\n${list(suite.rows)}`);
    process.exitCode = 2;
    return;
  }
  const stage = await suite.open();
  try {
    const outcomes: Outcome[] = [];
    for (const row of chosen) {
      const outcome = outcomeOf(row as Row<never>, await row.measure(stage));
      outcomes.push(outcome);
      process.stdout.write(`${json ? JSON.stringify(outcome) : textOf(outcome)}\n`);
    }
    if (only === undefined) writeSection(suite.name, suite.about, outcomes, await suite.versions(stage));
    if (outcomes.some(({ ok }) => !ok)) process.exitCode = 1;
  } finally {
    await stage.close();
  }
}

function list(rows: readonly { readonly path: string }[]): string {
  return rows.map(({ path }) => `  ${path}\n`).join("");
}

/** "met     cached, HTTPS   1,412 reviews per core-second (1,380 to 1,455), 1.41 of at least 1" */
function textOf(outcome: Outcome): string {
  const { path, ok, ratio, sense, bar, note } = outcome;
  const head = `${ok ? "met   " : "missed"}  ${path}`;
  if (ratio === undefined) return `${head}\n          ${note}`;
  return `${head}\n          ${measureOf(outcome)}; ratio ${rounded(ratio)}, ${sense} ${bar}; ${note}`;
}

/** "1,412 reviews/core-s (1,380 to 1,455)" */
export function measureOf({ value = Number.NaN, least = value, greatest = value, unit }: Outcome): string {
  return `${rounded(value)} ${unit} (${rounded(least)} to ${rounded(greatest)})`;
}

/** Three figures, with separators: more would claim more than a shared machine can show. */
export function rounded(value: number): string {
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}
