import { type LogSummary, type LogVerdict, verifyLog } from "../admission/record/verify-log.ts";
import type { AuditVerifyOptions } from "./audit.ts";

/** Exit code 0 when the log holds, 1 when it does not, 2 when there is no log or no key. */
export async function verify(path: string, { key, expect, json }: AuditVerifyOptions): Promise<void> {
  const options = { ...(key === undefined ? {} : { key }), ...(expect === undefined ? {} : { expect }) };
  const verdict = verifyLog(path, options);
  process.stdout.write(json ? `${JSON.stringify(verdict)}\n` : render(path, verdict, key !== undefined));
  if (!verdict.holds) process.exitCode = 1;
}

/** The verdict first; what was read until then after it. */
function render(path: string, verdict: LogVerdict, isKeyKept: boolean): string {
  const { summary } = verdict;
  const lines = verdict.holds
    ? [`holds   ${path}  (records ${summary.first} to ${summary.last})`, ""]
    : [
        `broken  ${verdict.broken.file}:${verdict.broken.line}  record ${verdict.broken.seq}`,
        "",
        `  ${verdict.broken.why}`,
        "  fix: keep the files as they are, and compare with a copy; records before this one hold",
      ];
  return `${[...lines, ...summaryLines(summary), ...(verdict.holds ? trustLines(summary, isKeyKept) : [])].join("\n")}\n`;
}

/** What a log that holds does not show by itself. */
function trustLines({ anchored }: LogSummary, isKeyKept: boolean): string[] {
  return [
    ...(isKeyKept
      ? []
      : ["  note: the key is the one beside the log, which whoever rewrites it can replace; name a copy with --key"]),
    ...(anchored
      ? []
      : ["  note: nothing shows that this is its end; name the last line that you know of with --expect"]),
  ];
}

function summaryLines({ files, records, checkpoints, unsigned, lost, key, signedAt }: LogSummary): string[] {
  const counted = `${count(records, "decision")} in ${count(files, "file")}, ${count(checkpoints, "checkpoint")} by key ${key}`;
  return [
    `  read: ${counted}${signedAt === undefined ? "" : `, the last of ${signedAt}`}`,
    ...(unsigned > 0
      ? [
          `  note: ${count(unsigned, "decision")} after the last checkpoint ${unsigned === 1 ? "is" : "are"} signed by nobody yet`,
        ]
      : []),
    ...(lost > 0 ? [`  note: ${count(lost, "decision")} could not be written at the time, and the log says so`] : []),
  ];
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
