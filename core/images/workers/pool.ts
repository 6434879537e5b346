import { availableParallelism } from "node:os";
import { SECOND_MS } from "../../base/clock.ts";
import type { CodedError } from "../../base/errors.ts";
import type { Digest, Discovered } from "../../policy/evidence.ts";
import type { Authority } from "../../policy/images/schema/authority.ts";
import type { Artifact } from "../claims/artifact.ts";
import { fairQueue } from "./fair-queue.ts";
import { Seat, type Task, VERIFY_REST_MS } from "./seat.ts";
import { startVerifyThread, type ThreadEvents, type VerifyThread } from "./thread.ts";
import { type Verification, type Verifier, verifyError } from "./verifier.ts";

/** Threads unless configured: the work is bursts of milliseconds, and reviews need a core too. */
export const VERIFY_THREADS = Math.min(2, availableParallelism());
export const VERIFY_THREADS_MOST = 32;
/** Longest verification of one artifact, in milliseconds. */
export const VERIFY_DEADLINE_MS = 5 * SECOND_MS;
/** After a start that failed none is tried for so long, in milliseconds. */
export const VERIFY_START_PAUSE_MS = 250;
/** Artifacts that wait for a thread; more are refused. */
export const VERIFY_QUEUE_LIMIT = 4096;

export interface VerifierPoolOptions {
  readonly threads?: number;
  readonly deadlineMs?: number;
  readonly queueLimit?: number;
  /** A thread without work for so long is stopped, in milliseconds. */
  readonly restMs?: number;
  readonly startThread?: (events: ThreadEvents) => VerifyThread;
}

export interface VerifierPool extends Verifier {
  readonly stats: VerifierStats;
}

/** Since the start, and now. */
export interface VerifierStats {
  readonly verified: number;
  readonly failed: number;
  /** Threads that were stopped at a deadline, or ended by themselves. */
  readonly ended: number;
  readonly threads: number;
  readonly waiting: number;
}

/**
 * Verification in threads that can be killed: one artifact at a time each, the next one meanwhile waits its caller's
 * turn. A thread that hangs is stopped at its deadline; that artifact, and the one whose thread ended by itself, is
 * `failed`, never "worth nothing". A task whose thread died before it began is tried once more.
 * Threads start when first needed, and end after a while without work.
 */
export function createVerifierPool(options: VerifierPoolOptions = {}): VerifierPool {
  const pool = new Pool(options);
  return {
    verify: (artifacts, digest, authorities, signal) => pool.verify(artifacts, digest, authorities, signal),
    close: () => pool.close(),
    get stats() {
      return pool.stats;
    },
  };
}

class Pool {
  readonly #most: number;
  readonly #times: { readonly deadlineMs: number; readonly restMs: number };
  readonly #queueLimit: number;
  readonly #start: (events: ThreadEvents) => VerifyThread;
  readonly #queue = fairQueue<Task>();
  readonly #seats = new Set<Seat>();
  readonly #counts = { verified: 0, failed: 0, ended: 0 };
  #pause: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: VerifierPoolOptions) {
    this.#most = options.threads ?? VERIFY_THREADS;
    this.#times = { deadlineMs: options.deadlineMs ?? VERIFY_DEADLINE_MS, restMs: options.restMs ?? VERIFY_REST_MS };
    this.#queueLimit = options.queueLimit ?? VERIFY_QUEUE_LIMIT;
    this.#start = options.startThread ?? ((events) => startVerifyThread(events));
  }

  get stats(): VerifierStats {
    return { ...this.#counts, threads: this.#seats.size, waiting: this.#queue.size };
  }

  async verify(
    artifacts: readonly Discovered<Artifact>[],
    digest: Digest,
    authorities: readonly Authority[],
    signal: AbortSignal,
  ): Promise<readonly Verification[]> {
    const refusal = this.#refusal(artifacts.length, digest, signal);
    if (refusal !== undefined) return artifacts.map(() => this.#count({ kind: "failed", cause: refusal }));
    const caller = {};
    const late = verifyError("VERIFY_TIMEOUT", digest, "not verified in the time there was");
    const onAbort = () => {
      this.#queue.remove(caller);
      for (const settle of settles) settle({ kind: "failed", cause: late });
    };
    const settles: Task["settle"][] = [];
    const all = artifacts.map((artifact) => {
      const { promise, resolve: settle } = Promise.withResolvers<Verification>();
      settles.push(settle);
      this.#queue.add(caller, { artifact, digest, authorities, caller, settle, starts: 0 });
      return promise;
    });
    signal.addEventListener("abort", onAbort, { once: true });
    this.#pump();
    const verifications = await Promise.all(all);
    signal.removeEventListener("abort", onAbort);
    return verifications.map((one) => this.#count(one));
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pause);
    for (let task = this.#queue.next(); task !== undefined; task = this.#queue.next()) task.settle(closed(task));
    await Promise.all([...this.#seats].map((seat) => seat.end(closed)));
  }

  #refusal(count: number, digest: Digest, signal: AbortSignal): CodedError | undefined {
    if (this.#closed) return verifyError("VERIFY_UNAVAILABLE", digest, "the gate is stopping");
    if (signal.aborted) return verifyError("VERIFY_TIMEOUT", digest, "no time was left to verify it");
    if (this.#queue.size + count <= this.#queueLimit) return undefined;
    return verifyError("VERIFY_BUSY", digest, `${this.#queue.size} artifacts wait to be verified already`);
  }

  #count(verification: Verification): Verification {
    this.#counts[verification.kind]++;
    return verification;
  }

  /** Gives waiting tasks to threads, new ones while there may be more. */
  #pump(): void {
    while (this.#queue.size > 0) {
      const seat = [...this.#seats].find(({ task }) => task === undefined) ?? this.#newSeat();
      const task = seat && this.#queue.next();
      if (seat === undefined || task === undefined) return;
      seat.begin(task);
    }
  }

  #newSeat(): Seat | undefined {
    if (this.#seats.size >= this.#most || this.#pause !== undefined || this.#closed) return undefined;
    try {
      const pump = () => this.#pump();
      const seat: Seat = new Seat(this.#start, this.#times, pump, (unbegun) => this.#left(seat, unbegun));
      this.#seats.add(seat);
      return seat;
    } catch {
      this.#pauseStarts();
      return undefined;
    }
  }

  #pauseStarts(): void {
    this.#pause ??= setTimeout(() => {
      this.#pause = undefined;
      this.#pump();
    }, VERIFY_START_PAUSE_MS);
  }

  /** A thread is gone; what it had not begun is tried once more, after a pause for whatever keeps threads from starting. */
  #left(seat: Seat, task: Task | undefined): void {
    this.#seats.delete(seat);
    if (!seat.rested) this.#counts.ended++;
    if (!seat.ready && !this.#closed) this.#pauseStarts();
    if (task !== undefined && task.starts++ === 0 && !this.#closed) this.#queue.putBack(task.caller, task);
    else task?.settle({ kind: "failed", cause: verifyError("VERIFY_UNAVAILABLE", task.digest, NO_START) });
    this.#pump();
  }
}

const NO_START = "no thread that verifies would start";

function closed({ digest }: Task): Verification {
  return { kind: "failed", cause: verifyError("VERIFY_UNAVAILABLE", digest, "the gate is stopping") };
}
