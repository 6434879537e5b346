import type { Endpoint } from "../core/policy/snapshot.ts";
import { SidecarError } from "./errors.ts";
import { EJECT_FIRST_MS, EJECT_LONGEST_MS, EWMA_MS, PENDING_LIMIT_PER_ENDPOINT } from "./limits.ts";

/** What is known of one endpoint's answers. */
export interface Load {
  pending: number;
  /** Peak-sensitive moving average of response times, in milliseconds: rises at once, falls over EWMA_MS. */
  ewmaMs: number;
  updatedMs: number;
  /** Monotonic milliseconds until which it is left out; failures double the time. */
  ejectedUntilMs: number;
  failures: number;
}

/** A first guess for endpoints not measured yet: new ones get traffic, but not all of it. */
const FIRST_EWMA_MS = 1;

/** "ip:port", what loads and pools are keyed by. */
export function endpointKey({ ip, port }: Pick<Endpoint, "ip" | "port">): string {
  return ip.includes(":") ? `[${ip}]:${port}` : `${ip}:${port}`;
}

/**
 * Power of two choices over peak EWMA: of two endpoints drawn at random, the one that would answer sooner.
 * @see Mitzenmacher, "The Power of Two Choices in Randomized Load Balancing"
 */
export class Balancer {
  readonly #loads = new Map<string, Load>();
  readonly #random: () => number;

  constructor(random: () => number = Math.random) {
    this.#random = random;
  }

  load(endpoint: Endpoint): Load {
    const key = endpointKey(endpoint);
    let load = this.#loads.get(key);
    if (load === undefined) {
      load = { pending: 0, ewmaMs: FIRST_EWMA_MS, updatedMs: 0, ejectedUntilMs: 0, failures: 0 };
      this.#loads.set(key, load);
    }
    return load;
  }

  /**
   * @param tried  left out: nothing of the request was sent there, because it took no connection
   * @throws {SidecarError} UPSTREAM_UNREACHABLE when all were tried, OVERLOADED when all are full
   */
  pick(endpoints: readonly Endpoint[], tried: readonly Endpoint[], nowMs: number): Endpoint {
    const untried = endpoints.filter((endpoint) => !tried.includes(endpoint));
    if (untried.length === 0) throw new SidecarError("UPSTREAM_UNREACHABLE");
    const roomy = untried.filter((endpoint) => this.load(endpoint).pending < PENDING_LIMIT_PER_ENDPOINT);
    const healthy = roomy.filter((endpoint) => this.load(endpoint).ejectedUntilMs <= nowMs);
    const from = healthy.length > 0 ? healthy : roomy;
    const a = this.#draw(from);
    const b = this.#draw(from);
    if (a === undefined || b === undefined) throw new SidecarError("OVERLOADED");
    return this.#cost(a, nowMs) <= this.#cost(b, nowMs) ? a : b;
  }

  /** A request ended with an answer after so long. */
  answered(endpoint: Endpoint, tookMs: number, nowMs: number): void {
    const load = this.load(endpoint);
    const weight = Math.exp(-(nowMs - load.updatedMs) / EWMA_MS);
    load.ewmaMs = tookMs > load.ewmaMs ? tookMs : load.ewmaMs * weight + tookMs * (1 - weight);
    load.updatedMs = nowMs;
    load.failures = 0;
  }

  /** It took no connection, or broke one. */
  failed(endpoint: Endpoint, nowMs: number): void {
    const load = this.load(endpoint);
    const ejectMs = Math.min(EJECT_FIRST_MS * 2 ** load.failures, EJECT_LONGEST_MS);
    load.failures++;
    load.ejectedUntilMs = nowMs + ejectMs;
  }

  /** Forgets endpoints that are no more. */
  keep(keys: ReadonlySet<string>): void {
    for (const [key, load] of this.#loads) if (!keys.has(key) && load.pending === 0) this.#loads.delete(key);
  }

  #draw(from: readonly Endpoint[]): Endpoint | undefined {
    return from[Math.floor(this.#random() * from.length)];
  }

  #cost(endpoint: Endpoint, nowMs: number): number {
    const load = this.load(endpoint);
    const decayed = load.ewmaMs * Math.exp(-(nowMs - load.updatedMs) / EWMA_MS);
    return (decayed + FIRST_EWMA_MS) * (load.pending + 1);
  }
}
