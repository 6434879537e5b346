import { closedLoop, oneByOne, openLoop } from "../suite/https-load.ts";
import { cpuSeconds, residentMib } from "../suite/process.ts";
import { quantile, type Row } from "../suite/row.ts";
import { COLD_ROWS } from "./cold-rows.ts";
import { levelRow } from "./level-row.ts";
import { PEER_ROWS } from "./peer-rows.ts";
import { podReview } from "./reviews.ts";
import { fullPolicy, type Gate, type Stage, signedImages } from "./stage.ts";

const CONNECTIONS = 16;
const WARM_MS = 3000;
const ROUNDS = 5;
const ROUND_MS = 3000;
/** Half of the throughput that the gate must reach. */
const STEADY_PER_SECOND = 500;
const STEADY_ROUND_MS = 5000;
const CACHED_DIGESTS = 1000;
const REVIEWS_AFTER = 100_000;
/** How much resident memory may grow over those reviews and still be called flat: what V8's heap breathes by. */
const FLAT_SHARE = 0.1;

export const ROWS: readonly Row<Stage>[] = [
  {
    path: "3-image pod, evidence cached: throughput",
    unit: "reviews/core-s",
    bar: { sense: "at least", limit: 1000 },
    measure: async (stage) => {
      const gate = await stage.startGate(fullPolicy(stage));
      const ours = await throughput(gate, await cachedReviews(stage));
      await gate.stop();
      return { ours, note: `HTTPS, signature, scan and restricted level; ${CONNECTIONS} connections` };
    },
  },
  latencyRow("p50", 0.5, 3),
  latencyRow("p99", 0.99, 15),
  ...COLD_ROWS,
  {
    path: `${CACHED_DIGESTS} cached digests: memory`,
    unit: "MiB",
    bar: { sense: "at most", limit: 200 },
    measure: async (stage) => {
      const { least, most } = await memory(stage);
      const flat = most <= least * (1 + FLAT_SHARE);
      const note = `after 10,000 reviews ${least.toFixed(0)} MiB, most over ${REVIEWS_AFTER} reviews ${most.toFixed(0)}`;
      return { ours: [flat ? most : Number.POSITIVE_INFINITY], note: `${note}${flat ? "" : ": it grows"}` };
    },
  },
  levelRow,
  ...PEER_ROWS,
];

/** Reviews of one pod whose evidence every later one finds in the cache. */
async function cachedReviews(stage: Stage): Promise<readonly string[]> {
  const images = await signedImages(stage);
  return Array.from({ length: 64 }, () => podReview(images));
}

/** Answers per second of the gate's own CPU time, round by round. */
async function throughput(gate: Gate, bodies: readonly string[]): Promise<number[]> {
  const target = gate.target("/validate", bodies);
  await closedLoop(target, CONNECTIONS, WARM_MS);
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const before = cpuSeconds(gate.process.pid);
    const { answers } = await closedLoop(target, CONNECTIONS, ROUND_MS);
    rounds.push(answers / (cpuSeconds(gate.process.pid) - before));
  }
  return rounds;
}

function latencyRow(name: string, share: number, limit: number): Row<Stage> {
  return {
    path: `3-image pod, evidence cached: ${name} at ${STEADY_PER_SECOND}/s`,
    unit: "ms",
    bar: { sense: "at most", limit },
    measure: async (stage) => {
      const gate = await stage.startGate(fullPolicy(stage));
      const target = gate.target("/validate", await cachedReviews(stage));
      await closedLoop(target, CONNECTIONS, WARM_MS);
      const ours: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const { latenciesMs } = await openLoop(target, CONNECTIONS, STEADY_PER_SECOND, STEADY_ROUND_MS);
        ours.push(quantile(latenciesMs, share));
      }
      await gate.stop();
      return { ours, note: "as the client sees it, from when a review was due: the server's own is less" };
    },
  };
}

async function memory(stage: Stage): Promise<{ least: number; most: number }> {
  const bodies: string[] = [];
  for (let index = 0; index < CACHED_DIGESTS; index++)
    bodies.push(podReview([(await stage.pushSigned(`many-${index}`)).pinned]));
  const gate = await stage.startGate(fullPolicy(stage));
  await oneByOne(gate.target("/validate", bodies));
  const target = gate.target("/validate", bodies);
  const seen: number[] = [];
  for (let answered = 0; answered < REVIEWS_AFTER; ) {
    answered += (await closedLoop(target, CONNECTIONS, 1000)).answers;
    if (answered > 10_000) seen.push(residentMib(gate.process.pid));
  }
  await gate.stop();
  return { least: seen[0] ?? Number.NaN, most: Math.max(...seen) };
}
