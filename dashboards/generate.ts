import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Dashboard } from "@grafana/grafana-foundation-sdk/dashboard";
import { CodedError, codedSystemError, messageOf } from "../core/base/errors.ts";
import { admissionBoard } from "./admission-board.ts";
import { boardJson } from "./board.ts";
import type { DASHBOARDS_CODES } from "./errors.ts";
import { meshBoard } from "./mesh-board.ts";
import { sloBoard } from "./slo-board.ts";

export { checkDashboard } from "./check.ts";

export interface DashboardFile {
  /** "outrider-slo.json": the board's uid. */
  readonly fileName: string;
  readonly json: Dashboard;
}

/** Every board as Grafana JSON, ready to import. The same files are checked in under dashboards/grafana. */
export function buildDashboards(): DashboardFile[] {
  return [sloBoard(), meshBoard(), admissionBoard()].map((board) => ({
    fileName: `${board.uid}.json`,
    json: boardJson(board),
  }));
}

/** The bytes of a board's file. */
export function renderDashboard(json: Dashboard): string {
  return `${JSON.stringify(json, null, 2)}\n`;
}

/**
 * Writes every board into `folder`, which is made when missing.
 *
 * @returns the paths written
 * @throws {CodedError} DISK_FULL, DASHBOARD_UNWRITABLE
 */
export async function writeDashboards(folder: string): Promise<string[]> {
  try {
    await mkdir(folder, { recursive: true });
    return await Promise.all(buildDashboards().map((file) => writeBoard(folder, file)));
  } catch (thrown) {
    throw unwritable(folder, thrown);
  }
}

async function writeBoard(folder: string, { fileName, json }: DashboardFile): Promise<string> {
  const path = join(folder, fileName);
  await writeFile(path, renderDashboard(json));
  return path;
}

function unwritable(folder: string, thrown: unknown): Error {
  const error = codedSystemError(thrown, `dashboards ${folder}`);
  if (error instanceof CodedError && error.code === "DISK_FULL") return error;
  const code: (typeof DASHBOARDS_CODES)[number] = "DASHBOARD_UNWRITABLE";
  const fix = "choose a folder that this user may write to";
  return new CodedError(code, `dashboards ${folder}: ${messageOf(thrown)}`, fix, { cause: thrown });
}
