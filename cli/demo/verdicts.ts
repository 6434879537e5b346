/**
 * Everything the demo promises, in the order of its table. `expected` is what must be seen; a line that was never
 * reached counts as red, so that a demo which ends early cannot look green.
 */
export const EXPECTED = {
  "signed (simple) admitted": "admitted, signer acme-release",
  "signed (bundle) admitted": "admitted, signer acme-release",
  "digest pinned": "every image as repo:tag@sha256:…",
  "sidecar injected once under re-invocation": "1 sidecar after 2 passes",
  "unsigned refused": "refused: IMG_UNSIGNED",
  "vulnerable refused": "refused: IMG_VULNERABLE",
  "attestation is not a signature": "refused: IMG_UNSIGNED",
  "privileged refused": "refused: PSS_PRIVILEGED",
  "bad init container refused": "refused: spec.initContainers[0].image",
  "bad ephemeral container refused": "refused: spec.ephemeralContainers[0].image",
  "bad image volume refused": "refused: spec.volumes[0].image.reference",
  "Rego rule refused": "refused: required-labels",
  "tampered digest refused": "refused: IMG_DIGEST_MISMATCH",
  "allowed call works over mTLS 1.3": "200 over TLSv1.3",
  "its peer identity is as expected": "spiffe://demo.outrider.dev/ns/shop/sa/worker",
  "policy refuses batch → payments": "403 by NetworkPolicy shop/payments",
  "the shared service account is told apart": "one id, checkout allowed, batch refused",
  "explain agrees with the proxy": "same answer for every pair",
  "plain text refused": "403 MTLS_REQUIRED",
  "a stranger's certificate is refused": "no answer to another root's certificate",
  "CSR without proof refused": "no token refused, other name refused",
  "certificate rotated under traffic with no failed request": "new serials, new root trusted, 0 failed",
  "metrics match requests sent": "collector's count = requests sent",
  "a trace crosses three services": "web, checkout, payments in one trace",
  "service map has the three edges": "batch→web, web→checkout, checkout→payments",
  "decisions and changes reach the event stream": "decision, deploy, policy-change",
  "alert pending → firing → resolved": "pending, firing, resolved; explained",
  "page answers": "page, its script and the live model",
  "dashboard JSON loads through the SDK's types": "0 problems",
} as const;

export type VerdictName = keyof typeof EXPECTED;

export const VERDICT_NAMES = Object.keys(EXPECTED) as VerdictName[];

/** One line of the table, and of `--json`. */
export interface Verdict {
  readonly name: VerdictName;
  readonly expected: string;
  readonly got: string;
  readonly ok: boolean;
}

/** What a check found: whether it is as expected and, in a few words, what it was. */
export interface Finding {
  readonly ok: boolean;
  readonly got: string;
}

/** Collects verdicts; each name is answered once, and a check that throws is red with what it threw. */
export class VerdictBook {
  readonly #found = new Map<VerdictName, Finding>();

  async judge(name: VerdictName, check: () => Promise<Finding> | Finding): Promise<Finding> {
    const finding = await attempt(check);
    this.#found.set(name, finding);
    return finding;
  }

  /** The whole table, worst first only in colour: the order is that of EXPECTED, always. */
  all(): readonly Verdict[] {
    return VERDICT_NAMES.map((name) => {
      const { ok, got } = this.#found.get(name) ?? { ok: false, got: "never reached" };
      return { name, expected: EXPECTED[name], got, ok };
    });
  }
}

async function attempt(check: () => Promise<Finding> | Finding): Promise<Finding> {
  try {
    return await check();
  } catch (thrown) {
    return { ok: false, got: thrown instanceof Error ? (thrown.message.split("\n")[0] ?? "") : String(thrown) };
  }
}
