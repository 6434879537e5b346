import { setTimeout as sleep } from "node:timers/promises";
import { type GatedCluster, refusal } from "./gated-cluster.ts";
import { podOf } from "./objects.ts";

const WORKERS = 3;
const PAUSE_MS = 15;

export interface Attempt {
  readonly name: string;
  readonly signed: boolean;
  /** "(stored)", or the API server's own words. */
  readonly said: string;
}

/** Creates Pods one after the other, signed and unsigned in turn, until it is stopped. */
export function streamOfPods(
  gated: GatedCluster,
  prefix: string,
): { stop(): Promise<readonly Attempt[]>; count(): number } {
  const attempts: Attempt[] = [];
  let [running, next] = [true, 0];
  const { good, unsigned } = gated.shop.images;
  const work = async () => {
    while (running) {
      const name = `${prefix}-${next}`;
      const signed = next++ % 2 === 0;
      const said = await refusal(gated.create("/api/v1/namespaces/shop/pods", podOf(name, signed ? good : unsigned)));
      attempts.push({ name, signed, said });
      await sleep(PAUSE_MS);
    }
  };
  const workers = Array.from({ length: WORKERS }, work);
  const stop = async () => {
    running = false;
    await Promise.all(workers);
    return attempts;
  };
  return { stop, count: () => attempts.length };
}

/** What did not go as it must when somebody always answers: a signed Pod stored, an unsigned one refused for that. */
export function surprises(attempts: readonly Attempt[]): readonly Attempt[] {
  return attempts.filter(({ signed, said }) => (signed ? said !== "(stored)" : !said.includes("IMG_UNSIGNED")));
}
