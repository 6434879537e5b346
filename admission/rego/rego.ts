import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { asError, CodedError } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import { ADMISSION_ERRORS, type AdmissionCode } from "../errors.ts";
import { type RegoFinding, readFindings } from "./rego-findings.ts";
import type { RegoReply, RegoRequest, RegoWorkerData } from "./rego-protocol.ts";

export type { RegoFinding } from "./rego-findings.ts";

/** Longest run of one rule, and longest start of the thread, in milliseconds. */
export const REGO_DEADLINE_MS = 1000;
export const REGO_START_DEADLINE_MS = 10_000;
/** Memory one module may take: 1024 pages of 64 KiB are 64 MiB; the thread's own heap beside it, in MiB. */
export const REGO_MEMORY_PAGES = 1024;
export const REGO_HEAP_MIB = 64;
/** Most values that a rule is shown; each takes microseconds of the one thread, which other reviews wait for. */
export const REGO_VALUES_LIMIT = 50_000;
/** Runs waiting for the thread; more are refused. */
export const REGO_QUEUE_LIMIT = 256;

/** The version of opa that compiled admission/rego/library.wasm; tools/versions.json has the same. */
export const LIBRARY_OPA_VERSION = "1.22.2";

/** Library rules by the name policies use, and where each begins in the module. */
export const REGO_LIBRARY: Readonly<Record<string, string>> = {
  "approved-registries": "outrider/approved_registries/violations",
  "no-latest-tag": "outrider/no_latest_tag/violations",
  "required-labels": "outrider/required_labels/violations",
};

export interface RegoRunner {
  /**
   * One rule over one object.
   *
   * @param input  see RegoInput
   * @throws {CodedError} REGO_UNKNOWN_RULE, REGO_FAILED, REGO_TIMEOUT, REGO_BUILTIN_MISSING: never "no findings"
   */
  run(library: string, input: object, signal: AbortSignal): Promise<readonly RegoFinding[]>;
}

export interface RegoOptions {
  /** A compiled module; our own library when absent. */
  readonly file?: string;
  readonly rules?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** A runner with one thread, started when first needed and again after each kill. */
export function createRego(options: RegoOptions = {}): RegoRunner & Closable {
  const { file = libraryFile(), rules = REGO_LIBRARY, deadlineMs = REGO_DEADLINE_MS } = options;
  let thread: RegoThread | undefined;
  let last: Promise<unknown> = Promise.resolve();
  let waiting = 0;
  const evaluate = async (library: string, entrypoint: string, input: object, signal: AbortSignal) => {
    if (signal.aborted)
      throw regoError("REGO_TIMEOUT", library, "found the review's time up before it could run, expected time for it");
    if (thread === undefined || thread.dead) thread = await RegoThread.start(file);
    return readFindings(library, await thread.evaluate(library, entrypoint, input, deadlineMs));
  };
  return {
    run: async (library, input, signal) => {
      const entrypoint = Object.hasOwn(rules, library) ? rules[library] : undefined;
      if (entrypoint === undefined) {
        throw regoError(
          "REGO_UNKNOWN_RULE",
          library,
          `found no such rule, expected one of ${Object.keys(rules).join(", ")}`,
        );
      }
      if (holdsMoreThan(REGO_VALUES_LIMIT, input)) throw tooLarge(library);
      if (waiting >= REGO_QUEUE_LIMIT)
        throw regoError("REGO_TIMEOUT", library, `found ${waiting} runs waiting already, expected fewer`);
      waiting++;
      const run = last.then(() => evaluate(library, entrypoint, input, signal));
      last = run.catch(() => {}).finally(() => waiting--);
      return beforeAbort(run, signal, () =>
        regoError("REGO_TIMEOUT", library, "found it running still when the review's time was up, expected its end"),
      );
    },
    close: async () => {
      await thread?.kill();
    },
  };
}

/** The run's result, or the error as soon as the caller's time is up; the run itself ends by its own deadline. */
async function beforeAbort<T>(run: Promise<T>, signal: AbortSignal, late: () => Error): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(late());
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([run, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** The thread and the one run it may have. */
class RegoThread {
  dead = false;
  readonly #worker: Worker;
  #sequence = 0;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.on("exit", () => {
      this.dead = true;
    });
    worker.on("error", () => {
      this.dead = true;
    });
    worker.unref();
  }

  static async start(file: string): Promise<RegoThread> {
    const data: RegoWorkerData = { file, memoryPages: REGO_MEMORY_PAGES };
    const limits = { maxOldGenerationSizeMb: REGO_HEAP_MIB, maxYoungGenerationSizeMb: 16 };
    const thread = new RegoThread(new Worker(workerUrl(), { workerData: data, resourceLimits: limits, execArgv: [] }));
    const reply = await thread.#reply("module", REGO_START_DEADLINE_MS, ({ type }) => type === "loaded");
    const missing = reply.type === "loaded" ? reply.missing : [];
    if (missing.length === 0) return thread;
    await thread.kill();
    throw regoError(
      "REGO_BUILTIN_MISSING",
      file,
      `found calls of ${missing.join(", ")}, expected built-ins that the runtime has`,
    );
  }

  async evaluate(library: string, entrypoint: string, input: object, deadlineMs: number): Promise<unknown> {
    const id = ++this.#sequence;
    this.#worker.postMessage({ id, entrypoint, input } satisfies RegoRequest);
    const reply = await this.#reply(
      library,
      deadlineMs,
      (candidate) => candidate.type !== "loaded" && candidate.id === id,
    );
    if (reply.type === "result") return reply.result;
    await this.kill(); // a module that trapped may have left its memory half written
    throw regoError("REGO_FAILED", library, reply.type === "failed" ? reply.message : "no result");
  }

  async kill(): Promise<void> {
    this.dead = true;
    await this.#worker.terminate();
  }

  /** The next message that is meant, or the thread's end: by its own fault, or killed at the deadline. */
  async #reply(what: string, deadlineMs: number, isMeant: (reply: RegoReply) => boolean): Promise<RegoReply> {
    const worker = this.#worker;
    const { promise, resolve, reject } = Promise.withResolvers<RegoReply>();
    const onMessage = (reply: RegoReply) => isMeant(reply) && resolve(reply);
    const onError = (error: unknown) => reject(regoError("REGO_FAILED", what, asError(error).message, error));
    const onExit = () => reject(regoError("REGO_FAILED", what, "its thread ended"));
    const timer = setTimeout(() => {
      reject(regoError("REGO_TIMEOUT", what, `found it running still after ${deadlineMs} ms, expected its end`));
      void this.kill();
    }, deadlineMs);
    worker.on("message", onMessage).on("error", onError).on("exit", onExit);
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      worker.off("message", onMessage).off("error", onError).off("exit", onExit);
    }
  }
}

/** From the sources the worker is TypeScript; in the bundle it lies beside the code. */
function workerUrl(): URL {
  return new URL(import.meta.url.endsWith(".ts") ? "./rego-worker.ts" : "./rego-worker.js", import.meta.url);
}

/** Beside the sources, copied into the bundle's folder, or in the sources around the bundle. */
function libraryFile(): string {
  const places = ["./library.wasm", "./rego/library.wasm", "../admission/rego/library.wasm"].map(
    (place) => new URL(place, import.meta.url),
  );
  return fileURLToPath(places.find((place) => existsSync(place)) ?? (places[0] as URL));
}

/** Without recursion, and no further than the limit. */
function holdsMoreThan(limit: number, input: object): boolean {
  const waiting: unknown[] = [input];
  let seen = 0;
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== "object" || next === null) continue;
    const values = Object.values(next);
    seen += values.length;
    if (seen > limit) return true;
    waiting.push(...values);
  }
  return false;
}

function tooLarge(what: string): CodedError {
  const message = `rego ${what}: found an object of more than ${REGO_VALUES_LIMIT} values, expected fewer`;
  return new CodedError(
    "REGO_FAILED",
    message,
    "split the object, or leave its namespace out of the policy's rego rules",
  );
}

function regoError(code: AdmissionCode, what: string, why: string, cause?: unknown): CodedError {
  return new CodedError(code, `rego ${what}: ${why}`, ADMISSION_ERRORS[code].fix, { cause });
}
