/** An OCI registry that misbehaves on demand; docs/registry-of-faults.md tells how to use it. */
export * from "./registry-of-faults/answers.ts";
export * from "./registry-of-faults/doors.ts";
export * from "./registry-of-faults/floods.ts";
export * from "./registry-of-faults/in-process.ts";
export * from "./registry-of-faults/lies.ts";
export * from "./registry-of-faults/pace.ts";
export * from "./registry-of-faults/redirects.ts";
export * from "./registry-of-faults/registry.ts";
export * from "./registry-of-faults/seeded.ts";
export * from "./registry-of-faults/when.ts";
