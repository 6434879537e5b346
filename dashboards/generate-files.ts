// Writes the boards anew: node dashboards/generate-files.ts
import { join } from "node:path";
import { writeDashboards } from "./generate.ts";

for (const file of await writeDashboards(join(import.meta.dirname, "grafana"))) console.log(file);
