import { type Command, Option } from "commander";
import { CodedError } from "../core/base/errors.ts";

/** A line of a log that somebody kept: its number and hash. */
interface Kept {
  readonly seq: number;
  readonly hash: string;
}

export interface AuditVerifyOptions {
  readonly key?: string;
  readonly expect?: Kept;
  readonly json: boolean;
}

/** `outrider audit …` */
export function registerAudit(program: Command): void {
  const audit = program.command("audit").description("the gate's record of its decisions");
  audit
    .command("verify")
    .description("follow a decision log's chain and signatures; exit code 1 and the first record that does not hold")
    .argument("<path>", "the gate's state folder, or one file of the log")
    .option("--key <file>", "public key that was kept elsewhere (default: decisions.pub beside the log)")
    .addOption(expectOption())
    .option("--json", "one JSON object", false)
    .action(async (path: string, options: AuditVerifyOptions) =>
      (await import("./audit-run.ts")).verify(path, options),
    );
}

function expectOption(): Option {
  const text = "a line that was kept elsewhere, as the gate's own log prints them; it must be there";
  return new Option("--expect <seq:hash>", text).argParser((value: string): Kept => {
    const [, seq, hash] = /^(\d{1,15}):([0-9a-f]{64})$/.exec(value) ?? [];
    if (hash !== undefined) return { seq: Number(seq), hash };
    const fix = "write the number and the hash with a colon between, such as 4711:9f2c…";
    throw new CodedError("CLI_OPTION", `--expect: expected seq:hash, found ${JSON.stringify(value)}`, fix);
  });
}
