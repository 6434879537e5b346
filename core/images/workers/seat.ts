import { SECOND_MS } from "../../base/clock.ts";
import { CodedError } from "../../base/errors.ts";
import type { Digest, Discovered } from "../../policy/evidence.ts";
import type { Authority } from "../../policy/images/schema/authority.ts";
import { trustIdOf } from "../cache/trust-id.ts";
import type { Artifact } from "../claims/artifact.ts";
import { believed } from "./believe.ts";
import type { VerifyReply } from "./protocol.ts";
import type { ThreadEvents, VerifyThread } from "./thread.ts";
import { type Verification, verifyError } from "./verifier.ts";

/** Longest start of a thread, in milliseconds. */
export const VERIFY_START_MS = 10 * SECOND_MS;

/** A thread without work for so long is stopped, which gives its memory back; the next work starts another, in ms. */
export const VERIFY_REST_MS = 10 * SECOND_MS;

/** One artifact to verify and whoever waits for it. */
export interface Task {
  readonly artifact: Discovered<Artifact>;
  readonly digest: Digest;
  readonly authorities: readonly Authority[];
  /** All artifacts of one call. */
  readonly caller: object;
  readonly settle: (verification: Verification) => void;
  /** Threads that died before they could begin. */
  starts: number;
}

/** One thread and the task it is at. */
export class Seat {
  task: Task | undefined;
  ready = false;
  /** Stopped for want of work, which is no fault. */
  rested = false;
  readonly #thread: VerifyThread;
  readonly #deadlineMs: number;
  readonly #restMs: number;
  readonly #idle: () => void;
  readonly #left: (unbegun: Task | undefined) => void;
  #id = 0;
  #gone = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    start: (events: ThreadEvents) => VerifyThread,
    { deadlineMs, restMs }: { readonly deadlineMs: number; readonly restMs: number },
    idle: () => void,
    left: (unbegun: Task | undefined) => void,
  ) {
    this.#deadlineMs = deadlineMs;
    this.#restMs = restMs;
    this.#idle = idle;
    this.#left = left;
    this.#thread = start({
      replied: (reply) => this.#replied(reply),
      ended: (cause) =>
        void this.end((task) => failed("VERIFY_CRASHED", task, `its thread ended: ${cause.message}`, cause)),
    });
    this.#arm(VERIFY_START_MS);
  }

  begin(task: Task): void {
    this.task = task;
    const { artifact, digest, authorities } = task;
    const bytes = new Uint8Array(artifact.bytes); // its own memory, which moves to the thread; ours stays for another try
    const request = { artifact: { ...artifact, bytes }, digest, authorities, trustId: trustIdOf(authorities) };
    this.#thread.post({ id: ++this.#id, ...request });
    if (this.ready) this.#arm(this.#deadlineMs);
  }

  /** Stops the thread. @param verdict  on a task that it had begun */
  async end(verdict: (task: Task) => Verification): Promise<void> {
    if (this.#gone) return;
    this.#gone = true;
    clearTimeout(this.#timer);
    const { task, ready } = this;
    this.task = undefined;
    const killed = this.#thread.kill();
    if (ready && task !== undefined) task.settle(verdict(task));
    this.#left(ready ? undefined : task);
    await killed;
  }

  #replied(reply: VerifyReply): void {
    if (this.#gone) return;
    if (reply.type === "ready") {
      this.ready = true;
      clearTimeout(this.#timer);
      if (this.task !== undefined) this.#arm(this.#deadlineMs);
      return;
    }
    const { task } = this;
    if (task === undefined || reply.id !== this.#id) return;
    clearTimeout(this.#timer);
    this.task = undefined;
    task.settle(verificationOf(reply, task));
    this.#idle();
    if (this.task === undefined) this.#rest();
  }

  #rest(): void {
    const stop = () => {
      this.rested = true;
      this.end((task) => failed("VERIFY_CRASHED", task, "its thread was at rest")).catch(() => {});
    };
    this.#timer = setTimeout(stop, this.#restMs).unref();
  }

  #arm(deadlineMs: number): void {
    clearTimeout(this.#timer);
    const stop = () =>
      this.end((task) => failed("VERIFY_TIMEOUT", task, `stopped after ${deadlineMs} ms`)).catch(() => {});
    this.#timer = setTimeout(stop, deadlineMs);
  }
}

function verificationOf(reply: Exclude<VerifyReply, { type: "ready" }>, task: Task): Verification {
  if (reply.type === "failed") {
    const { code, message, fix } = reply.error;
    return { kind: "failed", cause: new CodedError(code, message, fix) };
  }
  const worth = believed(reply.worth, task.digest, task.authorities);
  return worth === undefined
    ? failed("VERIFY_CRASHED", task, "its thread answered what was not asked")
    : { kind: "verified", worth };
}

function failed(code: "VERIFY_TIMEOUT" | "VERIFY_CRASHED", task: Task, why: string, cause?: unknown): Verification {
  const what = `${task.artifact.kind} artifact of ${task.artifact.bytes.byteLength} bytes: ${why}`;
  return { kind: "failed", cause: verifyError(code, task.digest, what, cause) };
}
