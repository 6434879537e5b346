import { asError, CodedError } from "../../base/errors.ts";
import type { Closable } from "../../base/lifecycle.ts";
import type { Digest, Discovered } from "../../policy/evidence.ts";
import type { Authority } from "../../policy/images/schema/authority.ts";
import type { Artifact } from "../claims/artifact.ts";
import { verifyArtifact, type Worth } from "../verify.ts";
import { VERIFY_ERRORS, type VerifyCode } from "./errors.ts";
import { createTrustCache, type TrustCache } from "./trust-cache.ts";

/** What became of one artifact. "Could not find out" stays apart from "is worth nothing". */
export type Verification =
  | { readonly kind: "verified"; readonly worth: readonly Worth[] }
  | { readonly kind: "failed"; readonly cause: Error };

/** Verifies artifacts, in this thread or in others. */
export interface Verifier extends Closable {
  /**
   * @param digest  of the image that the artifacts are attached to
   * @param signal  who waits has so long; what is not verified then is `failed` with VERIFY_TIMEOUT
   * @returns one for each artifact, in their order; never rejects
   */
  verify(
    artifacts: readonly Discovered<Artifact>[],
    digest: Digest,
    authorities: readonly Authority[],
    signal: AbortSignal,
  ): Promise<readonly Verification[]>;
}

/** Verifies in the calling thread, one after the other: for the command line and tests, where nobody else waits. */
export function createInThreadVerifier(trusts: TrustCache = createTrustCache()): Verifier {
  return {
    verify: async (artifacts, digest, authorities, signal) => {
      const verifications: Verification[] = [];
      for (const artifact of artifacts) {
        verifications.push(
          signal.aborted
            ? { kind: "failed", cause: verifyError("VERIFY_TIMEOUT", digest, "no time was left to verify it") }
            : await attempt(async () => verifyArtifact(artifact, digest, trusts.of(authorities))),
        );
      }
      return verifications;
    },
    close: () => {},
  };
}

async function attempt(work: () => Promise<readonly Worth[]>): Promise<Verification> {
  try {
    return { kind: "verified", worth: await work() };
  } catch (thrown) {
    return { kind: "failed", cause: asError(thrown) };
  }
}

/** @param why  what happened to an artifact of that image */
export function verifyError(code: VerifyCode, digest: Digest, why: string, cause?: unknown): CodedError {
  return new CodedError(code, `evidence of ${digest}: ${why}`, VERIFY_ERRORS[code].fix, { cause });
}
