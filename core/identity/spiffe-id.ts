import { CodedError } from "../base/errors.ts";
import type { IdentityCode } from "./errors.ts";

/** A workload's name: spiffe://<trust-domain>/ns/<namespace>/sa/<service-account>. */
export interface SpiffeId {
  readonly trustDomain: string;
  /** From the first slash on: "/ns/shop/sa/checkout". */
  readonly path: string;
}

/** @see SPIFFE-ID section 2.3: implementations support ids up to 2048 bytes */
export const LONGEST_SPIFFE_ID = 2048;
const LONGEST_TRUST_DOMAIN = 255;
const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
const SEGMENT = /^[a-zA-Z0-9._-]+$/;
const SCHEME = "spiffe://";

/**
 * Parses and checks a SPIFFE id; nothing is normalised, so equal ids are equal strings.
 *
 * @throws {CodedError} ID_INVALID
 * @see SPIFFE-ID sections 2.1 (trust domain) and 2.2 (path)
 */
export function parseSpiffeId(text: string): SpiffeId {
  const fault = faultOf(text);
  if (fault !== undefined) throw invalid(text, fault);
  const slash = text.indexOf("/", SCHEME.length);
  return { trustDomain: text.slice(SCHEME.length, slash), path: text.slice(slash) };
}

function faultOf(text: string): string | undefined {
  if (text.length > LONGEST_SPIFFE_ID) return `longer than ${LONGEST_SPIFFE_ID} characters`;
  if (!text.startsWith(SCHEME)) return "does not start with spiffe://";
  const [trustDomain = "", ...segments] = text.slice(SCHEME.length).split("/");
  if (!isTrustDomain(trustDomain)) return "has no valid trust domain";
  if (segments.length === 0) return "names a trust domain, not a workload";
  const bad = segments.find((s) => !SEGMENT.test(s) || s === "." || s === "..");
  return bad === undefined ? undefined : `has an invalid path segment "${bad.slice(0, 64)}"`;
}

export function isTrustDomain(text: string): boolean {
  return text.length <= LONGEST_TRUST_DOMAIN && TRUST_DOMAIN.test(text);
}

/** The id of a Kubernetes workload. @throws {CodedError} ID_INVALID when a part holds what an id cannot */
export function workloadId(trustDomain: string, namespace: string, serviceAccount: string): string {
  const text = `${SCHEME}${trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
  if (parseSpiffeId(text).path.split("/").length === 5) return text;
  throw invalid(text, "has a name with a slash in it");
}

/** The id of the control plane itself, which the certificate authority and the snapshot stream present. */
export function meshId(trustDomain: string): string {
  return workloadId(trustDomain, "outrider-system", "outrider-mesh");
}

function invalid(text: string, why: string): CodedError {
  const code: IdentityCode = "ID_INVALID";
  const fix = "write spiffe://<trust-domain>/ns/<namespace>/sa/<service-account>";
  return new CodedError(code, `${JSON.stringify(text.slice(0, 120))}: ${why}`, fix);
}
