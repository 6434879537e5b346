import { setTimeout as systemSleep } from "node:timers/promises";
import type { Clock } from "../../../base/clock.ts";
import { CodedError } from "../../../base/errors.ts";
import {
  BREAKER_FAILURES,
  BREAKER_OPEN_LIMIT_MS,
  BREAKER_OPEN_MS,
  BREAKER_SLOW_MS,
  HOSTS_KEPT,
  PAUSE_LIMIT_MS,
  REQUEST_DEADLINE_MS,
  REQUESTS_PER_REGISTRY,
  REQUESTS_WAITING,
  RETRIES_PER_REQUEST,
  RETRY_WAIT_LIMIT_MS,
  RETRY_WAIT_MS,
} from "../../limits.ts";
import { type Answer, failure, headerOf } from "../answer.ts";
import { type Breaker, createBreaker } from "./breaker.ts";
import { parseRetryAfter } from "./retry-after.ts";
import { createTurns, type Turns } from "./turns.ts";

/** Resolves after so many milliseconds; rejects with the signal's reason when it is aborted before. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;

export interface TrafficOptions {
  readonly clock: Clock;
  readonly sleep?: Sleep;
  readonly requestDeadlineMs?: number;
  /** Requests to one host at a time. */
  readonly concurrency?: (host: string) => number | undefined;
}

/** One request as traffic sees it. */
export interface Journey {
  /** Host and port. */
  readonly host: string;
  /** Who redirected there. What he leads into trouble is his own traffic, not that of those who ask this host for itself. */
  readonly sentBy?: string;
  /** The thing first, for messages. */
  readonly what: string;
  readonly signal: AbortSignal;
}

/**
 * What stands between wanting to ask a host and asking it, top to bottom:
 *
 *   paused    it asked to be left alone (429, or 503 with Retry-After): a short rest is waited for, a long one refused
 *   breaker   it failed too often: refused, saying until when
 *   turn      so many requests at a time; the others wait in a bounded line
 *   exchange  one request; a 429 is followed by a few more, each after its pause
 *
 * Every wait ends with the caller's signal, and the refusal names what was waited for.
 */
export interface Traffic {
  readonly stats: TrafficStats;
  /** @throws {CodedError} REGISTRY_RATE_LIMITED, REGISTRY_CIRCUIT_OPEN, REGISTRY_BUSY, and what `exchange` throws */
  send(journey: Journey, exchange: () => Promise<Answer>): Promise<Answer>;
}

/** Requests since the start, by what became of them; one that is sent several times counts once. */
export interface TrafficStats {
  readonly answered: number;
  /** No whole answer, or not in time. */
  readonly failed: number;
  /** Not sent, or given up, because the registry asked to be left alone. */
  readonly paused: number;
  /** Not sent, because the registry failed too often. */
  readonly circuitOpen: number;
  /** Not sent, because the line was full. */
  readonly busy: number;
}

interface Host {
  readonly turns: Turns;
  readonly breaker: Breaker;
  pausedUntilMs: number;
}

interface Rules {
  readonly clock: Clock;
  readonly sleep: Sleep;
  /** A request without an answer counts as a failure of the host when it was waited for that long. */
  readonly slowMs: number;
}

export function createTraffic(options: TrafficOptions): Traffic {
  const { clock, sleep = (ms, signal) => systemSleep(ms, undefined, { signal }), concurrency } = options;
  const { requestDeadlineMs = REQUEST_DEADLINE_MS } = options;
  const rules: Rules = { clock, sleep, slowMs: Math.min(BREAKER_SLOW_MS, 0.9 * requestDeadlineMs) };
  const hosts = new Map<string, Host>();
  const hostOf = ({ host: name, sentBy }: Journey): Host => {
    const key = sentBy === undefined ? name : `${name} for ${sentBy}`;
    const host = hosts.get(key) ?? newHost(concurrency?.(name) ?? REQUESTS_PER_REGISTRY, clock);
    hosts.delete(key);
    hosts.set(key, host);
    forgetIdle(hosts);
    return host;
  };
  const stats = { answered: 0, failed: 0, paused: 0, circuitOpen: 0, busy: 0 };
  return {
    stats,
    send: async (journey, exchange) => {
      try {
        const answer = await send(hostOf(journey), journey, exchange, rules);
        stats.answered++;
        return answer;
      } catch (thrown) {
        stats[outcomeOf(thrown)]++;
        throw thrown;
      }
    },
  };
}

function newHost(atOnce: number, clock: Clock): Host {
  const [failures, openMs, openLimitMs] = [BREAKER_FAILURES, BREAKER_OPEN_MS, BREAKER_OPEN_LIMIT_MS];
  return {
    turns: createTurns(atOnce, REQUESTS_WAITING),
    breaker: createBreaker({ failures, openMs, openLimitMs, clock }),
    pausedUntilMs: 0,
  };
}

function outcomeOf(thrown: unknown): Exclude<keyof TrafficStats, "answered"> {
  const code = thrown instanceof CodedError ? thrown.code : "";
  if (code === "REGISTRY_RATE_LIMITED") return "paused";
  if (code === "REGISTRY_CIRCUIT_OPEN") return "circuitOpen";
  return code === "REGISTRY_BUSY" ? "busy" : "failed";
}

async function send(host: Host, journey: Journey, exchange: () => Promise<Answer>, rules: Rules): Promise<Answer> {
  for (let attempt = 0; ; attempt++) {
    await waitOutPause(host, journey, rules);
    const answer = await ask(host, journey, exchange, rules);
    const pauseMs = pauseAsked(answer, attempt, rules.clock());
    if (pauseMs === undefined) return answer;
    host.pausedUntilMs = Math.max(host.pausedUntilMs, rules.clock() + Math.min(pauseMs, PAUSE_LIMIT_MS));
    if (attempt === RETRIES_PER_REQUEST) throw rateLimited(host, journey, `${answer.status} again and again`);
  }
}

/** How long the answer asks us to wait before the next request, in milliseconds; nothing when it is an answer. */
function pauseAsked({ status, headers }: Answer, attempt: number, nowMs: number): number | undefined {
  const asked = parseRetryAfter(headerOf({ headers }, "retry-after"), nowMs);
  if (status === 503) return asked;
  return status === 429 ? (asked ?? RETRY_WAIT_MS * 2 ** attempt) : undefined;
}

async function waitOutPause(host: Host, journey: Journey, { clock, sleep }: Rules): Promise<void> {
  const restMs = host.pausedUntilMs - clock();
  if (restMs <= 0 || restMs > PAUSE_LIMIT_MS) return; // longer than any pause: the clock went back meanwhile
  if (restMs > RETRY_WAIT_LIMIT_MS) throw rateLimited(host, journey, "asked to be left alone");
  try {
    await sleep(restMs, journey.signal);
  } catch (cause) {
    throw rateLimited(host, journey, "asked to be left alone", cause);
  }
}

async function ask(host: Host, journey: Journey, exchange: () => Promise<Answer>, rules: Rules): Promise<Answer> {
  const pass = host.breaker.enter();
  if (pass.kind === "wait") throw circuitOpen(host, journey, pass.untilMs);
  let sentAtMs: number | undefined;
  try {
    const answer = await inTurn(host, journey, () => {
      sentAtMs = rules.clock();
      return exchange();
    });
    if (answer.status >= 500 && answer.status !== 501) host.breaker.failed(`it answered ${answer.status}`);
    else host.breaker.succeeded();
    return answer;
  } catch (thrown) {
    const waitedMs = sentAtMs === undefined ? 0 : rules.clock() - sentAtMs;
    if (isFailureOfHost(thrown, waitedMs, rules)) host.breaker.failed(reasonOf(thrown, journey));
    else if (pass.trial) host.breaker.givenUp();
    throw thrown;
  }
}

async function inTurn({ turns }: Host, journey: Journey, exchange: () => Promise<Answer>): Promise<Answer> {
  const { host, what, signal } = journey;
  const full = () => failure("REGISTRY_BUSY", `${what}: ${REQUESTS_WAITING} requests wait for ${host} already`);
  let giveBack: () => void;
  try {
    giveBack = await turns.take(signal, full);
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw failure("REGISTRY_TIMEOUT", `${what}: no turn at ${host} in time, others are being answered`, thrown);
  }
  try {
    return await exchange();
  } finally {
    giveBack();
  }
}

/** Without what was asked for: everybody is told the reason, and the name of an image is its own namespace's. */
function reasonOf(thrown: unknown, { what }: Journey): string {
  const { message } = thrown as Error;
  return message.startsWith(`${what}: `) ? message.slice(what.length + 2) : message;
}

/** A caller who leaves early says nothing about the host; one who waited long does. */
function isFailureOfHost(thrown: unknown, waitedMs: number, { slowMs }: Rules): boolean {
  const code = thrown instanceof CodedError ? thrown.code : "";
  return code === "REGISTRY_UNREACHABLE" || (code === "REGISTRY_TIMEOUT" && waitedMs >= slowMs);
}

function rateLimited({ pausedUntilMs }: Host, { what, host }: Journey, why: string, cause?: unknown): CodedError {
  return failure("REGISTRY_RATE_LIMITED", `${what}: ${host} ${why}, until ${timeOf(pausedUntilMs)}`, cause);
}

function circuitOpen({ breaker }: Host, { what, host }: Journey, untilMs: number): CodedError {
  return failure(
    "REGISTRY_CIRCUIT_OPEN",
    `${what}: ${host} is not asked until ${timeOf(untilMs)} (${breaker.why.slice(0, 300)})`,
  );
}

function timeOf(atMs: number): string {
  return new Date(atMs).toISOString();
}

/** The hosts asked longest ago, as far as nothing is under way there; a pod's author can name any number of hosts. */
function forgetIdle(hosts: Map<string, Host>): void {
  for (const [name, { turns }] of hosts) {
    if (hosts.size <= HOSTS_KEPT) return;
    if (turns.idle) hosts.delete(name);
  }
}
