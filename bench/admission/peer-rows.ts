import { closedLoop, openLoop, type Target } from "../suite/https-load.ts";
import { cpuSeconds } from "../suite/process.ts";
import { type Measured, type Missing, quantile, type Row } from "../suite/row.ts";
import { GATEKEEPER, startGatekeeper } from "./gatekeeper.ts";
import { podReview } from "./reviews.ts";
import { fullPolicy, type Gate, NAMESPACE, type Stage, signedImages } from "./stage.ts";

const CONNECTIONS = 16;
const WARM_MS = 3000;
const ROUNDS = 5;
const ROUND_MS = 2500;
/** A rate that both keep up with on one core. */
const STEADY_PER_SECOND = 200;

/** Rows that need the peer: ours and Gatekeeper take turns, round by round, with the very same reviews. */
export const PEER_ROWS: readonly Row<Stage>[] = [
  {
    path: "restricted level only: throughput",
    unit: "reviews/core-s",
    peer: GATEKEEPER,
    bar: { sense: "at least", limit: 3 },
    measure: (stage) => besides(stage, levelOnly(), throughput, "image evidence off in both"),
  },
  {
    path: `restricted level only: p99 at ${STEADY_PER_SECOND}/s`,
    unit: "ms",
    peer: GATEKEEPER,
    bar: { sense: "at most", limit: 1 },
    measure: (stage) => besides(stage, levelOnly(), p99, "image evidence off in both; as the client sees it"),
  },
  {
    path: "evidence on, Gatekeeper without: throughput",
    unit: "reviews/core-s",
    peer: GATEKEEPER,
    bar: { sense: "at least", limit: 1 },
    measure: (stage) => besides(stage, fullPolicy(stage), throughput, "ours judges signatures and scans besides"),
  },
];

/** No signature, no scan, no pinning: what Gatekeeper judges and nothing else. */
function levelOnly(): object {
  return { match: { images: ["**"], namespaces: [NAMESPACE] }, pinDigests: false, pods: { podSecurity: "restricted" } };
}

type Meter = (target: Target, pid: number) => Promise<number>;

async function besides(stage: Stage, policy: object, meter: Meter, note: string): Promise<Measured | Missing> {
  const peer = await startGatekeeper();
  if ("missing" in peer) return peer;
  const gate = await stage.startGate(policy);
  try {
    const images = await signedImages(stage);
    const bodies = Array.from({ length: 64 }, () => podReview(images));
    const sides = [sideOf(gate, bodies), { target: peer.target(bodies), pid: peer.process.pid }] as const;
    for (const { target } of sides) await closedLoop(target, CONNECTIONS, WARM_MS);
    const rounds: [number, number][] = [];
    for (let round = 0; round < ROUNDS; round++)
      rounds.push([await meter(sides[0].target, sides[0].pid), await meter(sides[1].target, sides[1].pid)]);
    const [ours, theirs] = [rounds.map(([own]) => own), rounds.map(([, other]) => other)];
    return {
      ours,
      peer: theirs,
      note: `${note}; peer ${Math.round(Math.min(...theirs))} to ${Math.round(Math.max(...theirs))}`,
    };
  } finally {
    await gate.stop();
    await peer.stop();
  }
}

function sideOf(gate: Gate, bodies: readonly string[]) {
  return { target: gate.target("/validate", bodies), pid: gate.process.pid };
}

const throughput: Meter = async (target, pid) => {
  const before = cpuSeconds(pid);
  const { answers } = await closedLoop(target, CONNECTIONS, ROUND_MS);
  return answers / (cpuSeconds(pid) - before);
};

const p99: Meter = async (target) => {
  const { latenciesMs } = await openLoop(target, CONNECTIONS, STEADY_PER_SECOND, ROUND_MS);
  return quantile(latenciesMs, 0.99);
};
