import { readFileSync } from "node:fs";
import { ask, until } from "../client.ts";
import { WORKLOADS } from "../layout.ts";
import type { Stage } from "../stage.ts";
import { startTraffic } from "../traffic.ts";
import type { Finding } from "../verdicts.ts";
import { certificateOf } from "./sidecar-admin.ts";

/** Longest wait for every sidecar to hold a new certificate, in milliseconds. */
const RENEWED_DEADLINE_MS = 6_000;
/** Requests of one wave while certificates change, and how many at a time. */
const WAVE = { count: 20, concurrency: 4 } as const;
const PEM_BLOCK = /-----BEGIN CERTIFICATE-----/g;

/** A new root and new certificates for every sidecar, while requests go through all of them. */
export async function rotationUnderTraffic(stage: Stage): Promise<Finding> {
  const before = await serials(stage);
  const tally = { ok: 0, failed: 0 };
  const wave = async () => {
    const { statuses } = await stage.call("batch", "web", WAVE).catch(() => ({ statuses: { unanswered: WAVE.count } }));
    for (const [status, count] of Object.entries(statuses)) tally[status === "200" ? "ok" : "failed"] += count;
  };
  const traffic = startTraffic(wave, 0);
  const renewed = await renewAll(stage, before);
  await traffic.stop();
  await wave(); // one that sees nothing but the new certificates
  const { ok, failed } = tally;
  const roots = readFileSync(stage.layout.bundleFile, "utf8").match(PEM_BLOCK)?.length ?? 0;
  const got = `${renewed ? "new serials" : "serials unchanged"}, ${roots} roots, ${ok} requests, ${failed} failed`;
  return { ok: renewed && roots === 2 && ok > 0 && failed === 0, got };
}

/** @returns true when the root was rotated and every sidecar holds another certificate than `before` */
async function renewAll(stage: Stage, before: readonly string[]): Promise<boolean> {
  try {
    await ask(`http://${stage.layout.meshAdmin}/v1/roots/rotate`, { method: "POST" });
    await Promise.all(WORKLOADS.map((name) => ask(`${stage.admin(name)}/certificates/renew`, { method: "POST" })));
  } catch {
    return false;
  }
  return (await until(() => allChanged(stage, before), RENEWED_DEADLINE_MS)) === true;
}

async function serials(stage: Stage): Promise<readonly string[]> {
  return Promise.all(WORKLOADS.map(async (name) => (await certificateOf(stage, name)).serial));
}

async function allChanged(stage: Stage, before: readonly string[]): Promise<true | undefined> {
  const now = await serials(stage);
  return now.every((serial, index) => serial !== before[index]) ? true : undefined;
}
