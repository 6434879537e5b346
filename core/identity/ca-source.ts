import { createPublicKey, generateKeyPair, type KeyObject, sign } from "node:crypto";
import { promisify } from "node:util";
import { type Clock, SECOND_MS, systemClock } from "../base/clock.ts";
import { asError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { writePem } from "../wire/x509/pem.ts";
import { writeRequestInfo, writeSigned } from "../wire/x509/writer.ts";
import { mergeBundles } from "./bundle.ts";
import { askAuthority, type CertificateAnswer } from "./ca-client.ts";
import { readIdentityFile } from "./identity-file.ts";
import { listeners } from "./listeners.ts";
import { backOffMs, renewalDelayMs } from "./renewal.ts";
import type { Svid, SvidSource } from "./svid.ts";
import { verifySvid } from "./verify.ts";

export interface CaSourceOptions {
  readonly trustDomain: string;
  /** Our own id: what the certificate must name. */
  readonly spiffeId: string;
  /** "https://127.0.0.1:15012" */
  readonly url: string;
  /** Anchors trusted for the first call; read each time, so that a rotated bundle needs no restart. */
  readonly bundleFile: string;
  /** The projected ServiceAccount token; read each time, because kubelet replaces it. */
  readonly tokenFile: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** Uniform in [0, 1): jitter of renewals and back-off. */
  readonly random?: () => number;
  /** Gives up waiting for the first certificate. */
  readonly signal?: AbortSignal;
}

/** Soonest renewal after a success, whatever the certificate's life. */
const SOONEST_RENEWAL_MS = SECOND_MS;

const newKeyPair = promisify(generateKeyPair);

/**
 * SVIDs from Outrider's authority: a key made here and never written down, a request that proves it, a token that
 * names the pod. Renews at 50–70 % of the certificate's life, retries with back-off, keeps the current one meanwhile.
 *
 * @returns once the first certificate is there
 * @throws {CodedError} the last failure, when `signal` aborts before that
 */
export async function createCaSource(options: CaSourceOptions): Promise<SvidSource> {
  const { log, clock = systemClock, random = Math.random } = options;
  const changed = listeners<Svid>();
  let timer: NodeJS.Timeout | undefined;
  let closed = false;
  let pending: Promise<void> | undefined;
  let svid = await firstSvid(options, random);

  const fetchNow = async () => {
    svid = await requestSvid(options, svid.bundlePem);
    log.info({ serial: svid.serial, notAfter: new Date(svid.notAfterMs).toISOString() }, "certificate renewed");
    changed.tell(svid);
    schedule(renewalDelayMs(svid, clock(), random()), 0);
  };
  const schedule = (delayMs: number, failures: number) => {
    clearTimeout(timer);
    if (!closed)
      timer = setTimeout(() => renewOrRetry(failures), Math.max(delayMs, failures === 0 ? SOONEST_RENEWAL_MS : 0));
  };
  const renewOrRetry = (failures: number) => {
    renew().catch((err: unknown) => {
      log.warn({ err, failures: failures + 1 }, "certificate not renewed");
      schedule(backOffMs(failures, random()), failures + 1);
    });
  };
  /** Renewals asked for at the same time share one request. */
  const renew = () => {
    pending ??= fetchNow().finally(() => {
      pending = undefined;
    });
    return pending;
  };
  schedule(renewalDelayMs(svid, clock(), random()), 0);
  return {
    current: () => svid,
    onChange: changed.add,
    renew,
    close: () => {
      closed = true;
      clearTimeout(timer);
    },
  };
}

async function firstSvid(options: CaSourceOptions, random: () => number): Promise<Svid> {
  let lastFailure: Error | undefined;
  for (let failures = 0; ; failures++) {
    try {
      return await requestSvid(options, "");
    } catch (err) {
      if (options.signal?.aborted) throw lastFailure ?? asError(err);
      lastFailure = asError(err);
      options.log.warn({ err, failures: failures + 1 }, "no certificate yet");
      await pause(backOffMs(failures, random()), options.signal);
    }
    if (options.signal?.aborted) throw lastFailure;
  }
}

function pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, delayMs);
    signal?.addEventListener("abort", () => resolve(clearTimeout(timer)), { once: true });
  });
}

async function requestSvid(options: CaSourceOptions, knownBundle: string): Promise<Svid> {
  const { spiffeId, trustDomain } = options;
  const { publicKey, privateKey } = await newKeyPair("ec", { namedCurve: "P-256" });
  const answer = await askAuthority({
    url: options.url,
    trustDomain,
    bundlePem: mergeBundles(readIdentityFile(options.bundleFile), knownBundle),
    csr: writeRequest(publicKey, privateKey, spiffeId),
    token: readIdentityFile(options.tokenFile).trim(),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  return checkedSvid(options, answer, privateKey, (options.clock ?? systemClock)());
}

/** A PKCS#10 request for one id, signed by its own key. @returns PEM */
export function writeRequest(publicKey: KeyObject, privateKey: KeyObject, spiffeId: string): string {
  const info = writeRequestInfo(publicKey.export({ type: "spki", format: "der" }), spiffeId);
  return writePem(writeSigned(info, sign("sha256", info, privateKey)), "CERTIFICATE REQUEST");
}

/** Refuses an answer that is not ours: wrong name, wrong key, a chain outside the answer's own bundle. */
function checkedSvid(options: CaSourceOptions, answer: CertificateAnswer, privateKey: KeyObject, nowMs: number): Svid {
  const certChainPem = answer.chain.join("");
  const bundlePem = answer.bundle.join("");
  const peer = verifySvid(certChainPem, bundlePem, options.trustDomain, nowMs);
  if (peer.spiffeId !== options.spiffeId)
    throw answer.refuse(`it names ${peer.spiffeId}, asked for ${options.spiffeId}`);
  if (!createPublicKey(certChainPem).equals(createPublicKey(privateKey))) throw answer.refuse("it holds another key");
  const podUid = peer.podUid === undefined ? {} : { podUid: peer.podUid };
  return {
    certChainPem,
    keyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    bundlePem,
    spiffeId: peer.spiffeId,
    ...podUid,
    notBeforeMs: peer.notBeforeMs,
    notAfterMs: peer.notAfterMs,
    serial: peer.serial,
  };
}
