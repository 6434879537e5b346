import { watch } from "node:fs";
import type { Closable } from "../../core/base/lifecycle.ts";
import type { Log } from "../../core/base/log.ts";
import { readFolder } from "../../core/cluster/read-folder.ts";
import { watchFolder } from "../../core/cluster/watch-folder.ts";
import type { Objective } from "../../core/slo/objective.ts";
import { refuseDuplicates } from "../../core/slo/openslo.ts";
import type { CollectorConfig } from "../config.ts";
import { readServiceObjectives, readSloFolder } from "./objectives.ts";

/** Quiet time after a file event before SLO files are read, in milliseconds. */
export const SETTLE_MS = 100;

type Sources = Pick<CollectorConfig, "slo" | "cluster">;

/** All objectives: SLO files, then Service annotations. @throws {CodedError} CONFIG_INVALID, CLUSTER_FOLDER */
export function readObjectives({ slo, cluster }: Sources): Objective[] {
  const written = slo.folder === undefined ? [] : readSloFolder(slo.folder);
  const annotated = cluster === undefined ? [] : readServiceObjectives(readFolder(cluster.folder));
  const objectives = [...written, ...annotated];
  refuseDuplicates(objectives);
  return objectives;
}

/** Calls back when objectives changed. A broken edit is logged and the last good objectives stay in force. */
export function watchObjectives(sources: Sources, log: Log, onChange: (objectives: Objective[]) => void): Closable {
  let before = JSON.stringify(readObjectives(sources));
  let settling: NodeJS.Timeout | undefined;
  const read = (): void => {
    try {
      const objectives = readObjectives(sources);
      const text = JSON.stringify(objectives);
      if (text === before) return;
      before = text;
      onChange(objectives);
      log.info({ objectives: objectives.length }, "objectives changed");
    } catch (err) {
      log.error({ err }, "objectives not readable; the last good ones stay in force");
    }
  };
  const soon = (): void => {
    clearTimeout(settling);
    settling = setTimeout(read, SETTLE_MS);
  };
  const watches = [watchSlo(sources, soon), watchCluster(sources, soon)];
  return {
    close: () => {
      clearTimeout(settling);
      for (const watching of watches) watching?.close();
    },
  };
}

function watchSlo({ slo }: Sources, soon: () => void): Closable | undefined {
  return slo.folder === undefined ? undefined : watch(slo.folder, { recursive: true, persistent: false }, soon);
}

function watchCluster({ cluster }: Sources, soon: () => void): Closable | undefined {
  return cluster === undefined ? undefined : watchFolder(cluster.folder, { onError: soon }, soon);
}
