import type { SigstoreRoot } from "../../policy/images/schema/trust-root.ts";
import trustedRoot from "./public-good.json" with { type: "json" };

/** Sigstore's public instance (Fulcio, Rekor v1 and v2, its timestamp authority), pinned: no network is asked. */
export const PUBLIC_GOOD_ROOT: SigstoreRoot = {
  trustedRoot,
  requires: { transparencyLog: 1, timestamps: 0, sct: 1 },
};
