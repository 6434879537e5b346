import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = join(import.meta.dirname, "../..");

/** One mistake: text that must be in the file once, and what stands there instead. */
type Change = readonly [file: string, from: string, to: string];

/**
 * Mistakes that the seeds must find: `node tools/gate-seeds.ts --sabotage NAME`. Most are one line; where two places
 * hold the same thing, it takes both.
 */
export const SABOTAGES: Readonly<Record<string, readonly Change[]>> = {
  "bytes are not hashed": [
    [
      "core/images/registry/origin.ts",
      "  const digest = digestOf(answer.body);\n",
      "  const digest = isDigest(reference) ? reference : digestOf(answer.body);\n",
    ],
  ],
  "signatures are not checked": [
    ["core/images/keys.ts", "return verify(hash, bytes, key, signature);", "return true;"],
  ],
  "anybody's key counts": [
    [
      "core/images/vouch.ts",
      "signatures.some((signature) => signedBy(key, signed, signature))",
      "signatures.length > 0 || key === undefined",
    ],
  ],
  "roles are not looked at": [
    ["core/images/verify.ts", 'if (role !== "release") return', 'if (role === ("none" as string)) return'],
    ["core/policy/images/image-signers.ts", 'authorities.filter(({ role }) => role === "release")', "authorities"],
    ["core/policy/images/image-signers.ts", 'return one.role === "release" && ', "return "],
  ],
  "a signature over another image counts": [
    ["core/images/verify.ts", "if (named !== digest)", "if (named === undefined)"],
  ],
  "a statement about another image counts": [
    ["core/images/verify.ts", "if (!isAbout(statement, digest))", "if (statement.subject.length === 0)"],
  ],
  "one child vouches for an index": [
    ["core/images/facts/cover-index.ts", "others.length === rest.length ?", "others.length >= 0 ?"],
  ],
  "what failed is an allow": [
    ["core/policy/images/image-policy.ts", "if (cause !== undefined) return {", "if (cause === null) return {"],
  ],
  "one signer is enough": [
    ["core/policy/images/quorum.ts", 'if (require === "all") return authorities;', "if (authorities > 0) return 1;"],
  ],
  "the repository is not compared": [
    [
      "core/policy/images/image-signers.ts",
      "one.repository === repositoryOf(judged)",
      "repositoryOf(judged) !== undefined",
    ],
  ],
  "trust is not part of what is kept": [["core/images/evidence.ts", "trustIdOf(authorities)}`", "trustIdOf([])}`"]],
  "the seal is not looked at": [
    ["core/images/cache/seal.ts", "timingSafeEqual(seal, right)", "timingSafeEqual(right, right)"],
  ],
  "volumes hold no images": [
    [
      "core/policy/pods/pod-spec.ts",
      "return [...ofContainers, ...ofVolumes];",
      "return [...ofContainers, ...ofVolumes.slice(0, 0)];",
    ],
  ],
  "the first policy that covers decides": [
    ["admission/judge.ts", "return policies.map((policy) => {", "return policies.slice(0, 1).map((policy) => {"],
  ],
  "nobody watches the deadline": [
    ["core/images/cache/patience.ts", "if (signal.aborted) onLate();", "if (signal.aborted) return work;"],
  ],
  "callers wait however long it takes": [
    ["core/images/cache/patience.ts", 'signal.addEventListener("abort", onLate, { once: true });', ""],
  ],
  "a thread that hangs is waited for": [
    [
      "core/images/workers/seat.ts",
      "this.#timer = setTimeout(stop, deadlineMs);",
      "this.#timer = setTimeout(stop, deadlineMs * 1e6);",
    ],
  ],
  "tags stay where they were": [
    [
      "core/images/cache/tag-cache.ts",
      "export const TAG_TTL_MS = 5 * SECOND_MS;",
      "export const TAG_TTL_MS = 5e9 * SECOND_MS;",
    ],
  ],
  "nothing is ever allowed": [
    ["core/policy/admissible.ts", "return { grounds } as unknown as Admissible;", "return undefined;"],
  ],
};

/** Mistakes whose text is no longer in their file, once. */
export function outdated(): readonly string[] {
  return Object.values(SABOTAGES).flatMap((changes) =>
    changes.filter((change) => !holds(change)).map(([file, from]) => `${file} does not hold once: ${from}`),
  );
}

function holds([file, from]: Change): boolean {
  return readFileSync(join(ROOT, file), "utf8").split(from).length === 2;
}

/**
 * Makes the mistake in this process, for modules that are not loaded yet. Files stay as they are.
 *
 * @throws {Error} when there is no such mistake, or its text is no longer in the file
 */
export function install(name: string): void {
  const changes = Object.hasOwn(SABOTAGES, name) ? SABOTAGES[name] : undefined;
  if (changes === undefined) throw new Error(`no sabotage "${name}"; there are: ${Object.keys(SABOTAGES).join("; ")}`);
  const byUrl = new Map<string, Change[]>();
  for (const change of changes) {
    if (!holds(change)) throw new Error(outdated().join("; "));
    const url = pathToFileURL(join(ROOT, change[0])).href;
    byUrl.set(url, [...(byUrl.get(url) ?? []), change]);
  }
  registerHooks({
    load: (url, context, next) => {
      const result = next(url, context);
      const mistakes = byUrl.get(url);
      if (mistakes === undefined) return result;
      const source = mistakes.reduce((text, [, from, to]) => text.replace(from, () => to), String(result.source));
      return { ...result, source };
    },
  });
}
