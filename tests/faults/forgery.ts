import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { trustIdOf } from "../../core/images/cache/trust-id.ts";
import type { Digest } from "../../core/policy/evidence.ts";
import type { ImagePolicy } from "../../core/policy/images/schema/image-policy-schema.ts";
import type { Random } from "../support/registry-of-faults/random.ts";
import { type Gallery, PROVENANCE } from "./gallery.ts";

/**
 * Somebody gets at the kept evidence: bytes of it or of its key change, or he writes what he would like to be believed.
 *
 * @returns what he did
 */
export function tamper(
  folder: string,
  random: Random,
  gallery: Gallery,
  policies: readonly ImagePolicy[],
  nowMs: number,
): string {
  if (random.chance(0.5)) return forge(folder, gallery, policies, nowMs);
  const file = join(folder, random.chance(0.8) ? "evidence.db" : "evidence.key");
  const bytes = readFileSync(file);
  const changes = 1 + random.nat(20);
  for (let n = 0; n < changes; n++) bytes[random.nat(bytes.length)] = random.nat(256);
  writeFileSync(file, bytes);
  return `${changes} bytes of the kept evidence change`;
}

/** Everything any policy could want, about every image, whatever it has. */
function forge(folder: string, { images, registry }: Gallery, policies: readonly ImagePolicy[], nowMs: number): string {
  const database = new DatabaseSync(join(folder, "evidence.db"));
  database.exec("BEGIN");
  const insert = database.prepare("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, zeroblob(32))");
  for (const { repository, digest } of images) {
    for (const { spec } of policies) {
      const key = `${registry.host}/${repository}@${digest} ${trustIdOf(spec.authorities)}`;
      insert.run(key, nowMs, Buffer.from(JSON.stringify(wantedFacts(digest, spec.authorities, nowMs))));
    }
  }
  database.exec("COMMIT");
  database.close();
  return "evidence is forged on disk";
}

function wantedFacts(digest: Digest, authorities: ImagePolicy["spec"]["authorities"], nowMs: number): object {
  return {
    signatures: authorities.map(({ name: signer, role }) => ({ signer, role, form: "cosign-simple", digest })),
    attestations: authorities.map(({ name: signer, role }) => ({ signer, role, digest, predicateType: PROVENANCE })),
    scans: [{ digest, source: "attestation by scanner-a", finishedAtMs: nowMs, findings: [] }],
    refusals: [],
    lacking: [],
    failures: [],
  };
}
