/**
 * Runs compiled Rego in a thread that its owner can kill: a rule that loops, or eats memory, takes this thread and
 * nothing else with it. One message in, one message out, in order.
 */
import { readFileSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import { loadPolicy } from "@open-policy-agent/opa-wasm";
import { REGO_BUILTINS, type RegoReply, type RegoRequest, type RegoWorkerData } from "./rego-protocol.ts";

const { file, memoryPages } = workerData as RegoWorkerData;
const policy = await loadPolicy(readFileSync(file), { initial: 5, maximum: memoryPages });

parentPort?.postMessage({
  type: "loaded",
  missing: missingBuiltins(),
  entrypoints: Object.keys(policy.entrypoints),
} satisfies RegoReply);
parentPort?.on("message", ({ id, entrypoint, input }: RegoRequest) => {
  parentPort?.postMessage(evaluate(id, entrypoint, input));
});

function evaluate(id: number, entrypoint: string, input: unknown): RegoReply {
  try {
    return { type: "result", id, result: policy.evaluate(input, entrypoint) as unknown };
  } catch (thrown) {
    return { type: "failed", id, message: wordsOf(thrown) };
  }
}

/** The runtime throws texts, errors and plain objects alike. */
function wordsOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  const message = (thrown as { message?: unknown } | null)?.message;
  return typeof message === "string" ? message : String(thrown);
}

/** Built-ins the module imports and the runtime lacks: found now, not when a rule first calls one. */
function missingBuiltins(): string[] {
  const { exports } = policy.wasmInstance as WebAssembly.Instance;
  const call = exports as Readonly<Record<string, (address?: number) => number>>;
  const address = call["opa_json_dump"]?.(call["builtins"]?.()) ?? 0;
  const names = JSON.parse(cString(new Uint8Array(policy.mem.buffer), address)) as Record<string, number>;
  return Object.keys(names).filter((name) => !REGO_BUILTINS.includes(name));
}

function cString(memory: Uint8Array, start: number): string {
  return new TextDecoder().decode(memory.subarray(start, memory.indexOf(0, start)));
}
