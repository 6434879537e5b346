/** What passes between the gate and the thread that runs Rego. */
export interface RegoWorkerData {
  /** Path of the compiled module. */
  readonly file: string;
  /** Most memory of the module, in pages of 64 KiB. */
  readonly memoryPages: number;
}

export interface RegoRequest {
  readonly id: number;
  readonly entrypoint: string;
  readonly input: unknown;
}

export type RegoReply =
  | { readonly type: "loaded"; readonly missing: readonly string[]; readonly entrypoints: readonly string[] }
  | { readonly type: "result"; readonly id: number; readonly result: unknown }
  | { readonly type: "failed"; readonly id: number; readonly message: string };

/** Built-ins that @open-policy-agent/opa-wasm 1.10 brings; the others must be compiled into the module. */
export const REGO_BUILTINS: readonly string[] = [
  "sprintf",
  "json.is_valid",
  "regex.split",
  "yaml.is_valid",
  "yaml.marshal",
  "yaml.unmarshal",
];
