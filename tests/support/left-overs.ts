import { readdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";

/** Processes and folders that belong to the demo run by `pid`: what it must not leave behind. */
export function leftOvers(pid: number): string[] {
  const folder = `outrider-demo-${pid}-`;
  return [...readdirSync(tmpdir()).filter((name) => name.startsWith(folder)), ...childrenOf(folder)];
}

/** Processes whose command line names the run's folder or addresses. */
export function childrenOf(marker: string): string[] {
  return readdirSync("/proc").filter((name) => /^\d+$/.test(name) && commandLine(name).includes(marker));
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}
