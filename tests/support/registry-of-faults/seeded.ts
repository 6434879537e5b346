import type { Exchange, Fault, Reply } from "../../../cli/demo/registry/reply.ts";
import { OCI_INDEX } from "../../../core/images/media-types.ts";
import { mislabel, nestedIndex, redirectTo, schema1, serve, status, withHeaders } from "./answers.ts";
import { hostileRealm, tooManyRequests } from "./doors.ts";
import { floodReferrers, hugeHeaders, jsonBomb, referrerFlood } from "./floods.ts";
import { dropReferrers, duplicateReferrers, renameReferrers, wrongDigestHeader, wrongLength } from "./lies.ts";
import { delay, hang, reset, truncate } from "./pace.ts";
import { type Random, randomOf, seedFrom } from "./random.ts";

export interface SeededOptions {
  /** Share of the requests that get a fault, from 0 to 1. */
  readonly rate?: number;
  /** Longest delay of an answer, in milliseconds. */
  readonly longestDelayMs?: number;
  /** Names of SEEDED_FAULTS to choose from; all when left out. */
  readonly kinds?: readonly string[];
}

/** A schedule of faults that follows from its seed. */
export interface SeededFaults {
  readonly fault: Fault;
  /** What was done so far, one line a fault, for the message of a failure. */
  readonly applied: readonly string[];
}

type Make = (random: Random, world: World) => Fault;

/** What a fault may draw from beside the answer at hand. */
interface World {
  readonly longestDelayMs: number;
  /** Whole answers given before, of manifests, blobs and lists alike. */
  readonly earlier: readonly Reply[];
}

const NOTHING: Fault = () => undefined;

/** Every fault a seed can choose, by the name that `applied` tells. */
export const SEEDED_FAULTS: Readonly<Record<string, Make>> = {
  "status 404": () => status(404),
  "status of refusal": (random) => status(random.pick([400, 401, 403, 405, 406, 410, 418])),
  "status of trouble": (random) => status(random.pick([500, 502, 503, 504])),
  "status of confusion": (random) => status(random.pick([100 + 103, 204, 206, 304])),
  storm: (random) => tooManyRequests(random.pick(["0", "1", "3600", "-1", "soon", "Wed, 21 Oct 2015 07:28:00 GMT"])),
  reset: () => reset(),
  cut: (random) => truncate(random.nat(2000)),
  hang: () => hang(),
  late: (random, { longestDelayMs }) => delay(1 + random.nat(longestDelayMs)),
  "a byte changed": (random) => changed(random),
  "nothing in it": () => serve(""),
  "other bytes": (random) => serve(random.pick(["{}", "[]", "null", "<html>", '{"schemaVersion":2}'])),
  "an earlier answer": (random, { earlier }) => (earlier.length === 0 ? NOTHING : replay(random.pick(earlier))),
  "an earlier body": (random, { earlier }) => (earlier.length === 0 ? NOTHING : body(random.pick(earlier))),
  "another digest header": () => wrongDigestHeader(),
  "another length": (random) => wrongLength(random.nat(64) - 32),
  "another type": (random) => mislabel(random.pick([OCI_INDEX, "text/html", "application/octet-stream"])),
  compressed: () => withHeaders({ "content-encoding": "gzip" }),
  "huge headers": () => hugeHeaders(40_000),
  "redirect inside": (random) => redirectTo(random.pick(["/v2/", "/v2/shop/none/manifests/1", "."])),
  "redirect outside": (random) => redirectTo(random.pick(["https://169.254.169.254/", "https://127.0.0.1/", "//x/"])),
  realm: (random) => hostileRealm(random.pick(["https://169.254.169.254/t", "http://127.0.0.1:1/t", "ftp://x", ""])),
  "referrers dropped": (random) => dropReferrers(random.nat(2)),
  "referrers doubled": () => duplicateReferrers(),
  "referrers renamed": () => renameReferrers("application/vnd.example"),
  "referrers flooded": (random) => (random.chance(0.5) ? floodReferrers(20) : referrerFlood(150)),
  "schema 1": () => schema1(),
  "nested index": () => nestedIndex(),
  "json bomb": () => jsonBomb(5000),
};

/** Earlier answers kept for replaying. */
const EARLIER_KEPT = 64;

/**
 * Faults chosen by a seed, one request at a time. The choice depends on the seed, on the path without its digests and on
 * how often that path was asked before, not on keys, ports or clocks: a seed that failed fails again.
 *
 *   const seeded = seededFaults(4711);
 *   registry.inject(seeded.fault);
 */
export function seededFaults(seed: number, options: SeededOptions = {}): SeededFaults {
  const { rate = 0.25, longestDelayMs = 3, kinds = Object.keys(SEEDED_FAULTS) } = options;
  const applied: string[] = [];
  const earlier: Reply[] = [];
  const times = new Map<string, number>();
  const fault: Fault = async (exchange) => {
    const path = exchange.url.replace(/[0-9a-f]{64}/g, "*");
    const nth = (times.get(path) ?? 0) + 1;
    times.set(path, nth);
    const random = randomOf(seedFrom(seed, `${path} ${nth}`));
    const name = random.chance(rate) ? random.pick(kinds) : undefined;
    const make = name === undefined ? undefined : SEEDED_FAULTS[name];
    if (make !== undefined) applied.push(`${exchange.method} ${path}, time ${nth}: ${name}`);
    const reply =
      make === undefined ? undefined : await make(random, { longestDelayMs, earlier: [...earlier] })(exchange);
    remember(earlier, exchange);
    return reply;
  };
  return { fault, applied };
}

function remember(earlier: Reply[], { reply }: Exchange): void {
  if (reply.status === 200 && reply.body instanceof Uint8Array && earlier.length < EARLIER_KEPT) earlier.push(reply);
}

function replay(earlier: Reply): Fault {
  return () => earlier;
}

function body(earlier: Reply): Fault {
  return ({ reply }) => ({ ...reply, body: earlier.body });
}

function changed(random: Random): Fault {
  return ({ reply }) => {
    if (!(reply.body instanceof Uint8Array) || reply.body.byteLength === 0) return undefined;
    const bytes = Uint8Array.from(reply.body);
    bytes[random.nat(bytes.byteLength)] = random.nat(256);
    return { ...reply, body: bytes };
  };
}
