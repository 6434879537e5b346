/** Why a signature does not count: what was found in it, and what would have counted. */
export class Refused extends Error {
  readonly found: string;
  readonly wanted: string;

  constructor(found: string, wanted: string, options?: ErrorOptions) {
    super(`${found}, expected ${wanted}`, options);
    this.name = "Refused";
    this.found = found;
    this.wanted = wanted;
  }
}

/** @throws {Refused} always */
export function refuse(found: string, wanted: string, cause?: unknown): never {
  throw new Refused(found, wanted, { cause });
}

/** Longest text of a stranger's that a refusal repeats, in characters. */
const QUOTED_CHARS = 120;

/** A stranger's text as a refusal may repeat it: quoted, printable, short. */
export function quoted(value: unknown): string {
  const text = typeof value === "string" ? value : String(value);
  return JSON.stringify(text.length > QUOTED_CHARS ? `${text.slice(0, QUOTED_CHARS)}…` : text);
}

/** A time as people compare it: "2026-11-21T15:00:00Z". Never throws, whatever number it is given. */
export function atTime(ms: number): string {
  const time = new Date(ms);
  return Number.isNaN(time.getTime()) ? `${ms} ms` : time.toISOString().replace(/\.\d+Z$/, "Z");
}
