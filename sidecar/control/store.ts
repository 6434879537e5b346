import { mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Log } from "../../core/base/log.ts";
import { writeFileAtomically } from "../../core/identity/atomic-file.ts";
import { SNAPSHOT_LINE_LIMIT_BYTES, type Snapshot } from "../../core/policy/snapshot.ts";
import { checkSnapshot } from "./check.ts";

/** The last good snapshot on disk: what a restarted sidecar runs on while the control plane is away. */
export interface SnapshotStore {
  /** `undefined` when there is none, or none that may come into force. */
  load(): Snapshot | undefined;
  save(snapshot: Snapshot): void;
}

export function createSnapshotStore(stateDir: string, podUid: string, log: Log): SnapshotStore {
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  const file = join(stateDir, "snapshot.json");
  return {
    load: () => {
      try {
        if (statSync(file).size > SNAPSHOT_LINE_LIMIT_BYTES) return undefined;
        return checkSnapshot(JSON.parse(readFileSync(file, "utf8")), podUid);
      } catch (err) {
        if ((err as { code?: string }).code !== "ENOENT") log.warn({ err, file }, "stored snapshot not usable");
        return undefined;
      }
    },
    save: (snapshot) => {
      try {
        writeFileAtomically(file, JSON.stringify(snapshot), 0o600);
      } catch (err) {
        log.warn({ err, file }, "snapshot not stored");
      }
    },
  };
}
