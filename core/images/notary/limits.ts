/** Bounds on a Notary Project signature, besides SIGNATURE_LIMIT_BYTES: notation's is about 4 KiB, 12 with a timestamp. */

/** Certificates in one chain, and in one timestamp token. */
export const CHAIN_LIMIT = 10;
/** Largest certificate read, in bytes. */
export const CERTIFICATE_LIMIT_BYTES = 16 * 1024;
/** Deepest nesting of CBOR read: an envelope has three levels. */
export const CBOR_DEPTH_LIMIT = 8;
/** Names in `crit`. */
export const CRITICAL_LIMIT = 16;
/** Certificates in one trust store. */
export const STORE_LIMIT = 256;
