/** An X.509-SVID with its key: what a workload proves itself with. */
export interface Svid {
  /** Leaf first, then any intermediates, as one PEM text. */
  readonly certChainPem: string;
  /** PKCS#8. Never leaves the process. */
  readonly keyPem: string;
  /** Every anchor of the trust domain, as one PEM text. */
  readonly bundlePem: string;
  readonly spiffeId: string;
  /** From the private extension; absent in certificates of other authorities (SPIRE, files). */
  readonly podUid?: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Upper-case hexadecimal. */
  readonly serial: string;
}

/** Where SVIDs come from: our authority, files, later SPIRE. Always has a current one once it exists. */
export interface SvidSource {
  current(): Svid;
  /** Called after each renewal with the new SVID. @returns stops the calls */
  onChange(listener: (svid: Svid) => void): () => void;
  /** Fetches a new SVID now. @throws {CodedError} when that fails; the current one stays */
  renew(): Promise<void>;
  close(): void;
}
