import { fileURLToPath } from "node:url";
import { createRego, type RegoRunner } from "../../../../admission/rego/rego.ts";
import { pod } from "../webhook.ts";
import { IMAGE, said } from "./door.ts";

const vector = (name: string) => fileURLToPath(new URL(`../../../vectors/rego/${name}`, import.meta.url));

/** Rules of the library, and hostile ones in its place. */
export function openRegoDenials() {
  const library = createRego();
  const rules = { endless: "hostile/endless/violations", failing: "hostile/failing/violations" };
  const hostile = createRego({ file: vector("hostile.wasm"), rules, deadlineMs: 300 });
  const alien = createRego({ file: vector("missing.wasm"), rules: { missing: "missing/violations" } });
  const asked = (rego: RegoRunner, name: string, parameters: object = {}) =>
    said({ object: pod(IMAGE), policy: { pods: { rego: [{ library: name, parameters }] } }, rego });
  return {
    denials: {
      REGO_VIOLATION: () => asked(library, "required-labels", { labels: ["team"] }),
      REGO_FAILED: () => asked(hostile, "failing"),
      REGO_TIMEOUT: () => asked(hostile, "endless"),
      REGO_BUILTIN_MISSING: async () =>
        (await asked(alien, "missing")).replaceAll(vector("missing.wasm"), "rules.wasm"),
      REGO_UNKNOWN_RULE: () => asked(library, "require-labels"),
    },
    close: async () => {
      for (const runner of [library, hostile, alien]) await runner.close();
    },
  };
}
