import type { CallPlan, CallTally } from "./app.ts";
import { askJson } from "./client.ts";
import { type Layout, POD_PORT, type WorkloadName } from "./layout.ts";
import type { Broken } from "./sabotage.ts";
import type { Supervisor } from "./supervisor.ts";
import type { Transcript } from "./transcript.ts";
import type { Finding, VerdictBook, VerdictName } from "./verdicts.ts";

/** Longest wait for a batch of calls through the mesh, in milliseconds. */
const CALLS_DEADLINE_MS = 20_000;

/** What every act of the demo works with. */
export class Stage {
  readonly layout: Layout;
  readonly transcript: Transcript;
  readonly supervisor: Supervisor;
  readonly broken: Broken;
  readonly #book: VerdictBook;
  /** Requests batch has sent to web so far, by every act: what the collector must have counted. */
  sentToWeb = 0;

  constructor(parts: {
    layout: Layout;
    transcript: Transcript;
    supervisor: Supervisor;
    book: VerdictBook;
    broken: Broken;
  }) {
    this.layout = parts.layout;
    this.transcript = parts.transcript;
    this.supervisor = parts.supervisor;
    this.broken = parts.broken;
    this.#book = parts.book;
  }

  /** Checks one line of the table and says at once what was found. */
  async judge(name: VerdictName, check: () => Promise<Finding> | Finding): Promise<void> {
    this.transcript.progress(name);
    this.transcript.verdict(name, await this.#book.judge(name, check));
  }

  /** Makes one workload call a service through its sidecar; requests that nobody answered count as status 0. */
  async call(from: WorkloadName, to: WorkloadName, plan: Partial<CallPlan> = {}): Promise<CallTally> {
    const full: CallPlan = { service: to, method: "GET", path: "/", count: 1, concurrency: 1, ...plan };
    if (from === "batch" && to === "web") this.sentToWeb += full.count;
    return askJson<CallTally>(`${this.control(from)}/call`, { json: full, deadlineMs: CALLS_DEADLINE_MS });
  }

  control(workload: WorkloadName): string {
    return `http://${this.layout.address[workload]}:${POD_PORT.control}`;
  }

  admin(workload: WorkloadName): string {
    return `http://${this.layout.address[workload]}:${POD_PORT.admin}`;
  }
}
