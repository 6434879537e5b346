import type { VerdictName } from "./verdicts.ts";

/** One thing the demo can break on purpose, and exactly the lines that must turn red for it. */
export interface Sabotage {
  readonly breaks: string;
  readonly turnsRed: readonly VerdictName[];
}

/** The matrix that a test walks: for every name, these lines turn red and all others stay green. */
export const SABOTAGES = {
  "swap-signing-key": {
    breaks: "the images are signed with a key the policy does not name",
    turnsRed: [
      "signed (simple) admitted",
      "signed (bundle) admitted",
      "sidecar injected once under re-invocation", // a pod that is refused gets no sidecar
    ],
  },
  "drop-signature-rule": {
    breaks: "the image policy asks for no signature",
    turnsRed: [
      "unsigned refused",
      "attestation is not a signature",
      "bad init container refused",
      "bad ephemeral container refused",
      "bad image volume refused",
    ],
  },
  "drop-scan-rule": { breaks: "the image policy asks for no scan", turnsRed: ["vulnerable refused"] },
  "skip-digest-pin": { breaks: "the image policy does not pin digests", turnsRed: ["digest pinned"] },
  "skip-injection": {
    breaks: "the image policy injects no sidecar",
    turnsRed: ["sidecar injected once under re-invocation"],
  },
  "lax-pod-security": { breaks: "pod security is set to privileged", turnsRed: ["privileged refused"] },
  "drop-rego": { breaks: "the Rego rule is left out of the policy", turnsRed: ["Rego rule refused"] },
  "leave-digest": {
    breaks: "the registry serves the bytes that the digest names",
    turnsRed: ["tampered digest refused"],
  },
  "drop-policy": {
    breaks: "the NetworkPolicy of payments is missing",
    turnsRed: ["policy refuses batch → payments", "the shared service account is told apart"],
  },
  "plain-text": { breaks: "the mesh is permissive: sidecars accept plain text", turnsRed: ["plain text refused"] },
  "rename-account": {
    breaks: "checkout runs under another service account",
    turnsRed: ["its peer identity is as expected", "the shared service account is told apart"],
  },
  "blind-explain": {
    breaks: "explain reads a folder without the NetworkPolicy of payments",
    turnsRed: ["explain agrees with the proxy"],
  },
  "freeze-mesh": {
    breaks: "the control plane hangs once the sidecars are up",
    turnsRed: [
      "CSR without proof refused",
      "certificate rotated under traffic with no failed request",
      "decisions and changes reach the event stream",
      "page answers", // it asks for every part to be up
    ],
  },
  "cut-route": {
    breaks: "a NetworkPolicy lets nobody reach checkout",
    turnsRed: [
      "allowed call works over mTLS 1.3",
      "its peer identity is as expected",
      "certificate rotated under traffic with no failed request",
      "a trace crosses three services",
      "service map has the three edges",
      "alert pending → firing → resolved",
    ],
  },
  "lose-trace-context": {
    breaks: "the apps do not carry traceparent from one request to the next",
    turnsRed: ["a trace crosses three services"],
  },
  "freeze-collector": {
    breaks: "the collector hangs once the sidecars are up",
    turnsRed: [
      "metrics match requests sent",
      "a trace crosses three services",
      "service map has the three edges",
      "decisions and changes reach the event stream",
      "alert pending → firing → resolved",
      "page answers",
    ],
  },
  "skip-fault": { breaks: "no fault is injected in payments", turnsRed: ["alert pending → firing → resolved"] },
  "rename-metric": {
    breaks: "the dashboards ask for a metric under another name",
    turnsRed: ["dashboard JSON loads through the SDK's types"],
  },
} as const satisfies Record<string, Sabotage>;

export type SabotageName = keyof typeof SABOTAGES;

/** What one run breaks: usually nothing or one thing. */
export type Broken = ReadonlySet<SabotageName>;

export const SABOTAGE_NAMES = Object.keys(SABOTAGES) as SabotageName[];
