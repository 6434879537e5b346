/** Codes of the certificate formats. docs/errors.md has one row per code and a test compares the two. */
export const X509_ERRORS = {
  DER_INVALID: {
    means: "a certificate or certificate request is not well-formed DER of the expected shape",
    fix: "send DER: definite, shortest lengths, nothing after the value; ECDSA P-256 with SHA-256",
  },
  PEM_INVALID: {
    means: "text that should be PEM is too long or not base64",
    fix: "send the file as openssl wrote it",
  },
} as const;
