import { startDemo } from "../../support/demo.ts";

const PODS = [21, 22, 23, 24];

/** A demo that stays up, with what outside programs need of it. */
export interface StandingDemo {
  readonly page: string;
  /** Every `/metrics` there is: host and port by the name of the component. */
  readonly metrics: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Starts `outrider demo --stay` and waits until it has printed its table and its addresses. */
export async function standUp(): Promise<StandingDemo> {
  const { child, collect, line } = startDemo("--stay");
  const [, prefix = ""] = await line(/page\s+http:\/\/(127\.\d+\.\d+)\.2:8088\//);
  const sidecars = PODS.map((host) => [`sidecar-${host}`, `${prefix}.${host}:15020`]);
  return {
    page: `http://${prefix}.2:8088/`,
    metrics: {
      collector: `${prefix}.2:8088`,
      mesh: `${prefix}.1:15014`,
      admission: `${prefix}.3:9443`,
      ...Object.fromEntries(sidecars),
    },
    stop: async () => {
      child.kill("SIGTERM");
      await collect;
    },
  };
}
