import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { eventually, ownAddress, startProgram } from "./program.ts";

const READY_MS = 20_000;

export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [timeSeconds: number, value: string];
}

export interface Prometheus {
  /** An instant query. @see https://prometheus.io/docs/prometheus/latest/querying/api/ */
  query(expression: string): Promise<readonly Sample[]>;
  stop(): Promise<void>;
}

/** A real Prometheus that scrapes each target every second. */
export async function startPrometheus(
  program: string,
  folder: string,
  targets: Readonly<Record<string, string>>,
): Promise<Prometheus> {
  const address = `${ownAddress()}:9090`;
  const file = join(folder, "prometheus.yml");
  const jobs = Object.entries(targets).map(([name, target]) => ({
    job_name: name,
    static_configs: [{ targets: [target] }],
  }));
  writeFileSync(
    file,
    JSON.stringify({ global: { scrape_interval: "1s", scrape_timeout: "1s" }, scrape_configs: jobs }),
  );
  const running = startProgram(program, [
    `--config.file=${file}`,
    `--storage.tsdb.path=${join(folder, "tsdb")}`,
    `--web.listen-address=${address}`,
    "--log.level=warn",
  ]);
  const ready = async () => (await fetch(`http://${address}/-/ready`)).ok || undefined;
  await eventually(`Prometheus at ${address}`, READY_MS, ready);
  return { query: (expression) => query(address, expression), stop: running.stop };
}

async function query(address: string, expression: string): Promise<readonly Sample[]> {
  const response = await fetch(`http://${address}/api/v1/query?query=${encodeURIComponent(expression)}`);
  const body = (await response.json()) as { status: string; error?: string; data: { result: readonly Sample[] } };
  if (body.status !== "success") throw new Error(`${expression}: ${body.error}`);
  return body.data.result;
}
