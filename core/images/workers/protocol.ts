import type { Digest } from "../../policy/evidence.ts";
import type { Authority } from "../../policy/images/schema/authority.ts";
import type { TrustId } from "../cache/trust-id.ts";
import type { Artifact } from "../claims/artifact.ts";

/** One artifact to verify, as it goes to the thread: plain data, its bytes moved and not copied. */
export interface VerifyRequest {
  readonly id: number;
  readonly artifact: Artifact;
  readonly digest: Digest;
  readonly trustId: TrustId;
  readonly authorities: readonly Authority[];
}

/** What comes back. Brands do not cross: `worth` is verified only when core/images/workers/pool.ts says so. */
export type VerifyReply =
  | { readonly type: "ready" }
  | { readonly type: "verified"; readonly id: number; readonly worth: unknown }
  | { readonly type: "failed"; readonly id: number; readonly error: ErrorText };

/** An error as it crosses: its class would be lost. */
export interface ErrorText {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}
