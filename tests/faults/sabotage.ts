import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const ROOT = join(import.meta.dirname, "../..");

/** One mistake somebody could make in one file. */
interface Sabotage {
  readonly file: string;
  /** Text that must be there, once, and what stands there instead. */
  readonly change: readonly [from: string, to: string];
}

/** Mistakes that the seeds must find. Each is one line of one file: `node tools/gate-seeds.ts --sabotage NAME`. */
export const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  "bytes are not hashed": {
    file: "core/images/registry/origin.ts",
    change: [
      "  const digest = digestOf(answer.body);\n",
      "  const digest = isDigest(reference) ? reference : digestOf(answer.body);\n",
    ],
  },
  "signatures are not checked": {
    file: "core/images/keys.ts",
    change: ["return verify(hash, bytes, key, signature);", "return true;"],
  },
  "anybody's key counts": {
    file: "core/images/vouch.ts",
    change: [
      "signatures.some((signature) => signedBy(key, signed, signature))",
      "signatures.length > 0 || key === undefined",
    ],
  },
  "roles are not looked at": {
    file: "core/images/verify.ts",
    change: [
      "const { name: signer, role, ...seen } = voucher;\n  if (role",
      'const { name: signer, ...seen } = voucher;\n  const role = "release" as typeof voucher.role;\n  if (role',
    ],
  },
  "a signature over another image counts": {
    file: "core/images/verify.ts",
    change: ["if (named !== digest)", "if (named === undefined)"],
  },
  "a statement about another image counts": {
    file: "core/images/verify.ts",
    change: ["if (!isAbout(statement, digest))", "if (statement.subject.length === 0)"],
  },
  "one child vouches for an index": {
    file: "core/images/facts/cover-index.ts",
    change: ["others.length === rest.length ?", "others.length >= 0 ?"],
  },
  "what failed is an allow": {
    file: "core/policy/admissible.ts",
    change: ["admits(decision, onUndecided)", 'admits(decision, "allow-audited")'],
  },
  "grounds are not asked for": {
    file: "core/policy/admissible.ts",
    change: [
      "if (first === undefined || rest.length + 1 < speaking.length) return undefined;",
      "if (first === undefined) continue;",
    ],
  },
  "one signer is enough": {
    file: "core/policy/images/quorum.ts",
    change: ['if (require === "all") return authorities;', "if (authorities > 0) return 1;"],
  },
  "the repository is not compared": {
    file: "core/policy/images/image-signers.ts",
    change: ["one.repository === repositoryOf(judged)", "repositoryOf(judged) !== undefined"],
  },
  "trust is not part of what is kept": {
    file: "core/images/evidence.ts",
    change: ["@${digest} ${trustIdOf(authorities)}`", "@${digest} ${trustIdOf([])}`"],
  },
  "the seal is not looked at": {
    file: "core/images/cache/seal.ts",
    change: ["timingSafeEqual(seal, right)", "timingSafeEqual(right, right)"],
  },
  "volumes hold no images": {
    file: "core/policy/pods/pod-spec.ts",
    change: ["return [...ofContainers, ...ofVolumes];", "return [...ofContainers, ...ofVolumes.slice(0, 0)];"],
  },
  "the first policy that covers decides": {
    file: "admission/judge.ts",
    change: ["return policies.map((policy) => {", "return policies.slice(0, 1).map((policy) => {"],
  },
  "nobody watches the deadline": {
    file: "core/images/cache/patience.ts",
    change: ["if (signal.aborted) onLate();", "if (signal.aborted) return work;"],
  },
  "callers wait however long it takes": {
    file: "core/images/cache/patience.ts",
    change: ['signal.addEventListener("abort", onLate, { once: true });', ""],
  },
  "a thread that hangs is waited for": {
    file: "core/images/workers/seat.ts",
    change: ["this.#timer = setTimeout(stop, deadlineMs);", "this.#timer = setTimeout(stop, deadlineMs * 1e6);"],
  },
  "tags stay where they were": {
    file: "core/images/cache/tag-cache.ts",
    change: ["export const TAG_TTL_MS = 5 * SECOND_MS;", "export const TAG_TTL_MS = 5e9 * SECOND_MS;"],
  },
  "nothing is ever allowed": {
    file: "core/policy/admissible.ts",
    change: ["return { grounds } as unknown as Admissible;", "return undefined;"],
  },
};

/**
 * Makes the mistake in this process, for modules that are not loaded yet. Files stay as they are.
 *
 * @throws {Error} when there is no such mistake, or its text is no longer in the file
 */
export function install(name: string): void {
  const sabotage = Object.hasOwn(SABOTAGES, name) ? SABOTAGES[name] : undefined;
  if (sabotage === undefined) throw new Error(`no sabotage "${name}"; there are: ${Object.keys(SABOTAGES).join("; ")}`);
  const { file, change } = sabotage;
  const [from, to] = change;
  const path = join(ROOT, file);
  if (readFileSync(path, "utf8").split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
  const url = pathToFileURL(path).href;
  registerHooks({
    load: (loaded, context, next) => {
      const result = next(loaded, context);
      if (loaded !== url) return result;
      return { ...result, source: String(result.source).replace(from, () => to) };
    },
  });
}
