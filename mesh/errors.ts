import { CodedError } from "../core/base/errors.ts";

/** Codes of the control plane. docs/errors.md has one row per code and a test compares the two. */
export const MESH_ERRORS = {
  CA_REQUEST_INVALID: {
    means: "the body of a certificate request is not JSON of the form { csr, token }",
    fix: 'send { "csr": PEM, "token": JWT }, at most 64 KiB',
  },
  CA_TOKEN_MISSING: {
    means: "a certificate was asked for without a proof of who asks",
    fix: "mount a projected ServiceAccount token with the authority's audience and point identity.tokenFile at it",
  },
  CA_TOKEN_INVALID: {
    means: "the token is expired, forged, for another audience, lives too long, or names no pod",
    fix: "send the projected ServiceAccount token of the pod itself; audience and issuer are in the mesh's configuration",
  },
  CA_NAME_MISMATCH: {
    means: "a certificate request asks for a name its token does not prove",
    fix: "ask for the id of the token's own service account, or for no name",
  },
  CA_POD_UNKNOWN: {
    means: "the token names a pod that the cluster does not hold, or holds under another service account",
    fix: "check that the pod still exists and that the mesh reads the same cluster",
  },
  CA_RATE_LIMITED: {
    means: "one address asked for certificates faster than the limit",
    fix: "wait and retry with back-off; a sidecar does",
  },
  CA_JWKS_INVALID: {
    means: "the key set that tokens are checked with is missing or malformed",
    fix: "point tokens.jwks at the cluster's key set: kubectl get --raw /openid/v1/jwks",
  },
  STREAM_HELLO: {
    means: "a sidecar did not introduce itself in the form and time the stream expects",
    fix: "run sidecar and control plane at most one minor version apart",
  },
  STREAM_IDENTITY: {
    means: "a sidecar asked for the snapshot of a pod its certificate does not name",
    fix: "compare pod.uid of the sidecar's configuration with its certificate; renew the certificate",
  },
  STREAM_POD_UNKNOWN: {
    means: "a sidecar asked for the snapshot of a pod the cluster does not hold",
    fix: "check that the mesh reads the cluster the pod runs in; the sidecar retries by itself",
  },
  STREAM_LINE: {
    means: "a message on the snapshot stream is too long or not one of the known ones",
    fix: "run sidecar and control plane at most one minor version apart",
  },
  ADMIN_ORIGIN: {
    means: "a web page tried to use the admin door through its reader's browser",
    fix: "call it with curl from the machine itself",
  },
} as const;

export type MeshCode = keyof typeof MESH_ERRORS;

/** An error of this folder with its fix. */
export function refused(code: MeshCode, message: string, cause?: unknown): CodedError {
  return new CodedError(code, message, MESH_ERRORS[code].fix, { cause });
}
