import { Agent, request } from "undici";
import { CodedError, messageOf } from "../../core/base/errors.ts";

/** Longest wait for one answer of a part, in milliseconds; a frozen part must not freeze the demo. */
export const ANSWER_DEADLINE_MS = 2_000;
/** Longest wait for telemetry to reach the collector: many export intervals, in milliseconds. */
export const ARRIVAL_DEADLINE_MS = 4_000;
/** Time between two looks while the demo waits for something, in milliseconds. */
const POLL_MS = 40;
/** Looks in a row without an answer after which the demo stops waiting. */
const MOST_UNANSWERED = 2;

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

export interface AskOptions {
  readonly method?: "GET" | "POST";
  readonly json?: unknown;
  /** PEM certificates to trust, for https. */
  readonly ca?: string;
  readonly deadlineMs?: number;
}

/** One request to one of the demo's own parts. @throws when no answer came within the deadline */
export async function ask(url: string, options: AskOptions = {}): Promise<Answer> {
  const dispatcher = new Agent(options.ca === undefined ? {} : { connect: { ca: options.ca } });
  try {
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      method: options.method ?? (options.json === undefined ? "GET" : "POST"),
      signal: AbortSignal.timeout(options.deadlineMs ?? ANSWER_DEADLINE_MS),
      headers: options.json === undefined ? {} : { "content-type": "application/json" },
      body: options.json === undefined ? null : JSON.stringify(options.json),
    });
    const flat = Object.entries(headers).map(([name, value]) => [name, String(value)]);
    return { status: statusCode, headers: Object.fromEntries(flat), text: await body.text() };
  } finally {
    await dispatcher.destroy();
  }
}

/** The same, for an answer of JSON. @throws {CodedError} DEMO_ANSWER_UNEXPECTED */
export async function askJson<T>(url: string, options: AskOptions = {}): Promise<T> {
  const answer = await ask(url, options);
  try {
    if (answer.status < 300) return JSON.parse(answer.text) as T;
  } catch (cause) {
    throw unexpected(url, messageOf(cause), cause);
  }
  throw unexpected(url, `answered ${answer.status}: ${answer.text.slice(0, 200)}`);
}

function unexpected(url: string, what: string, cause?: unknown): CodedError {
  return new CodedError("DEMO_ANSWER_UNEXPECTED", `${url}: ${what}`, "run the demo with --stay and read the logs", {
    cause,
  });
}

/**
 * Looks again and again until `look` gives a value, or the deadline passes. A look that throws counts as "not yet";
 * one that took longer than a part may take to answer twice in a row means that nobody will.
 */
export async function until<T>(look: () => Promise<T | undefined>, deadlineMs: number): Promise<T | undefined> {
  const end = Date.now() + deadlineMs;
  let unanswered = 0;
  for (;;) {
    const found = await look().catch((thrown: unknown) => {
      unanswered = isTimeout(thrown) ? unanswered + 1 : 0;
      return undefined;
    });
    if (found !== undefined || Date.now() >= end || unanswered === MOST_UNANSWERED) return found;
    await pause(POLL_MS);
  }
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === "TimeoutError";
}

export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
