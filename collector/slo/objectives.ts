import { readdirSync } from "node:fs";
import { join } from "node:path";
import { allInvalid, configInvalid, parseYamlDocuments, readConfigText } from "../../core/base/config.ts";
import { CodedError, messageOf } from "../../core/base/errors.ts";
import type { ClusterObjects } from "../../core/cluster/objects.ts";
import { readAnnotations } from "../../core/slo/annotations.ts";
import type { Objective } from "../../core/slo/objective.ts";
import { readOpenSlo, refuseDuplicates } from "../../core/slo/openslo.ts";

/** Most SLO files read from one folder. */
export const SLO_FILES_LIMIT = 2_000;

/**
 * Every objective of a folder of OpenSLO files. Documents of another kind are refused: a misspelt kind must not
 * silently promise nothing.
 *
 * @throws {CodedError} CONFIG_UNREADABLE, CONFIG_INVALID naming every problem of every file at once
 */
export function readSloFolder(folder: string): Objective[] {
  const errors: CodedError[] = [];
  const objectives = sloFiles(folder).flatMap((file) => readSloFile(file, errors));
  if (errors.length > 0) throw allInvalid(errors);
  refuseDuplicates(objectives);
  return objectives;
}

function sloFiles(folder: string): string[] {
  try {
    const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
    return names
      .filter((name) => /\.(ya?ml|json)$/.test(name))
      .toSorted()
      .slice(0, SLO_FILES_LIMIT)
      .map((name) => join(folder, name));
  } catch (cause) {
    throw new CodedError("CONFIG_UNREADABLE", `${folder}: ${messageOf(cause)}`, "point slo.folder at your SLO files", {
      cause,
    });
  }
}

function readSloFile(file: string, errors: CodedError[]): Objective[] {
  return collecting(errors, () => parseYamlDocuments(readConfigText(file), file)).flatMap((document) =>
    collecting(errors, () => readOpenSlo(document, file)),
  );
}

/** The promises that Services of the cluster carry as annotations. @throws {CodedError} CONFIG_INVALID */
export function readServiceObjectives(cluster: Pick<ClusterObjects, "services">): Objective[] {
  const errors: CodedError[] = [];
  const objectives = cluster.services.flatMap(({ metadata, source }) => {
    const { namespace, name, annotations = {} } = metadata;
    const read = readAnnotations({ namespace, service: name, annotations });
    if (read.problems.length > 0) errors.push(configInvalid(`${source} Service ${namespace}/${name}`, read.problems));
    return read.objectives;
  });
  if (errors.length > 0) throw allInvalid(errors);
  return objectives;
}

function collecting<T>(errors: CodedError[], read: () => T[]): T[] {
  try {
    return read();
  } catch (thrown) {
    if (!(thrown instanceof CodedError)) throw thrown;
    errors.push(thrown);
    return [];
  }
}
