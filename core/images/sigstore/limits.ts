/** Bounds on what one piece of Sigstore evidence may hold. Each is far above what an honest signer writes. */

/** Transparency log entries of one signature; signers write one or two. */
export const LOG_ENTRIES_LIMIT = 8;
/** RFC 3161 timestamps of one signature. */
export const TIMESTAMPS_LIMIT = 8;
/** Largest RFC 3161 timestamp, in bytes; with its certificates one is about 5 KiB. */
export const TIMESTAMP_LIMIT_BYTES = 32 * 1024;
/** Hashes of one inclusion proof: one for each bit of the tree's size. */
export const PROOF_HASHES_LIMIT = 64;
/** Largest log entry body, in bytes: a certificate, a signature and hashes. */
export const ENTRY_BODY_LIMIT_BYTES = 64 * 1024;
/** Longest checkpoint, in characters, its witnesses' signatures included. */
export const CHECKPOINT_LIMIT_CHARS = 16 * 1024;
/** Longest annotation read beside an old-form signature, in characters. */
export const ANNOTATION_LIMIT_CHARS = 128 * 1024;
/** Longest subject or issuer in a certificate that is compared, in characters. */
export const IDENTITY_LIMIT_CHARS = 1024;
/** Certificate authorities, timestamp authorities, logs: of each, in one trusted root. */
export const AUTHORITIES_PER_ROOT = 32;
/** Certificates of one authority's chain. */
export const CHAIN_LIMIT = 8;
