import { join } from "node:path";
import { ROOT } from "../../support/sources.ts";
import { type Program, startProgram } from "./program.ts";

const DEMO_MS = 120_000;
const PODS = [21, 22, 23, 24];

/** A demo that stays up, with what outside programs need of it. */
export interface RunningDemo {
  readonly page: string;
  /** Every `/metrics` there is: host and port by the name of the component. */
  readonly metrics: Readonly<Record<string, string>>;
  readonly program: Program;
}

/** Starts `outrider demo --stay` and waits until its table is printed. */
export async function startDemo(): Promise<RunningDemo> {
  const program = startProgram(process.execPath, [join(ROOT, "dist/outrider.js"), "demo", "--stay"]);
  const [, prefix = ""] = await program.said(/page\s+http:\/\/(127\.\d+\.\d+)\.2:8088\//, DEMO_MS);
  const pods = PODS.map((host) => [`sidecar-${host}`, `${prefix}.${host}:15020`]);
  return {
    program,
    page: `http://${prefix}.2:8088/`,
    metrics: {
      collector: `${prefix}.2:8088`,
      mesh: `${prefix}.1:15014`,
      admission: `${prefix}.3:9443`,
      ...Object.fromEntries(pods),
    },
  };
}
