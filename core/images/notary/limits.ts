/** Bounds on a Notary Project signature. notation's own is about 4 KiB, 12 KiB with a timestamp. */

/** Largest signature envelope read, in bytes. */
export const NOTARY_ENVELOPE_LIMIT_BYTES = 256 * 1024;
/** Certificates in one chain, and in one timestamp token. */
export const CHAIN_LIMIT = 10;
/** Largest certificate read, in bytes. */
export const CERTIFICATE_LIMIT_BYTES = 16 * 1024;
/** Largest timestamp token read, in bytes; the reader of DER has no larger limit. */
export const TIMESTAMP_LIMIT_BYTES = 64 * 1024;
/** Deepest nesting of CBOR read: an envelope has three levels. */
export const CBOR_DEPTH_LIMIT = 8;
/** Names in `crit`. */
export const CRITICAL_LIMIT = 16;
/** Certificates in one trust store. */
export const STORE_LIMIT = 256;
