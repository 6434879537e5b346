import { pino } from "pino";

/** The part of a logger the services use. One JSON object a line, on standard output. */
export interface Log {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}

/** @param component  "admission", "mesh", … : every line carries it */
export function createLog(component: string, level = "info"): Log {
  return pino({
    level,
    base: { component },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: {
      err: (thrown: unknown) => (hasToJson(thrown) ? thrown.toJSON() : pino.stdSerializers.err(thrown as Error)),
    },
  });
}

function hasToJson(thrown: unknown): thrown is { toJSON(): object } {
  return typeof (thrown as { toJSON?: unknown } | undefined)?.toJSON === "function";
}

/** For tests and short commands: says nothing. */
export const silentLog: Log = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };
