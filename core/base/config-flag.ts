import { parseArgs } from "node:util";
import { CodedError } from "./errors.ts";

/**
 * The file that a service is told to read: `outrider NAME --config FILE`, the only flag services have.
 *
 * @throws {CodedError} CONFIG_INVALID when it is not given
 */
export function configFlag(service: string, args: readonly string[]): string {
  const { values } = parseArgs({ args: [...args], options: { config: { type: "string" } }, strict: true });
  if (values.config !== undefined && values.config !== "") return values.config;
  throw new CodedError("CONFIG_INVALID", `outrider ${service}: no --config`, `run: outrider ${service} --config FILE`);
}
