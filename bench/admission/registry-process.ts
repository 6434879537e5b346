/** The embedded registry as a process of its own, so that its work is not counted as the gate's. */
import { startRegistry } from "../../cli/demo/registry/registry.ts";

const registry = await startRegistry({ host: "127.0.0.1", port: 0 });
process.stdout.write(`registry at ${registry.host}\n`);
process.once("SIGTERM", () => process.exit(0));
