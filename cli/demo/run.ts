import { renderError } from "../../core/base/errors.ts";
import { gateAct } from "./acts/gate.ts";
import { meshAct } from "./acts/mesh.ts";
import { observeAct } from "./acts/observe.ts";
import { promiseAct } from "./acts/promise.ts";
import { seeAct } from "./acts/see.ts";
import { supplyAct } from "./acts/supply.ts";
import { type House, openHouse } from "./house.ts";
import type { Broken } from "./sabotage.ts";
import { createTranscript } from "./transcript.ts";
import { VerdictBook } from "./verdicts.ts";

export interface DemoOptions {
  readonly json: boolean;
  readonly stay: boolean;
  readonly broken: Broken;
  /** Where the dashboards stay after the run; absent, they go with its folder. */
  readonly dashboards?: string | undefined;
}

/**
 * The main job on one machine, act by act. Every part is the real one; only the cluster is a folder.
 *
 * @param stopped  fulfilled by Ctrl-C or SIGTERM: ends the demo at once, or the stay
 * @returns 0 when every line of the table is as expected, else 1; everything it started is gone by then
 */
export async function runDemo(options: DemoOptions, stopped: Promise<string>): Promise<number> {
  const started = performance.now();
  const { stdout, stderr } = process;
  const transcript = createTranscript({ stdout, stderr, json: options.json, colour: stdout.isTTY === true });
  const book = new VerdictBook();
  const house = await openHouse(options.broken, transcript, book);
  try {
    const cut = stopped.then((signal) => `stopped by ${signal}`);
    const failure = await Promise.race([cut, acts(house, options.dashboards).then(() => undefined, renderError)]);
    if (failure !== undefined) stderr.write(`${failure}\n`);
    transcript.table(book.all(), (performance.now() - started) / 1000);
    if (options.stay && failure === undefined) await stay(house, stopped);
  } finally {
    await house.close();
  }
  return book.all().every((verdict) => verdict.ok) ? 0 : 1;
}

/** The path of the demo: what is supplied, what the gate says, who may talk, what is seen, what is promised. */
async function acts(house: House, dashboards: string | undefined): Promise<void> {
  const supplies = await supplyAct(house.stage, house.registry);
  await house.startGate(supplies);
  const mesh = house.startMesh();
  mesh.catch(() => {});
  await gateAct(house.stage, supplies);
  await mesh;
  house.applyFreeze();
  await meshAct(house.stage);
  await observeAct(house.stage);
  await promiseAct(house.stage);
  await seeAct(house.stage, dashboards);
}

async function stay(house: House, stopped: Promise<string>): Promise<void> {
  house.announce();
  const traffic = house.keepTraffic();
  await stopped;
  await traffic.stop();
}
