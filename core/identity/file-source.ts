import { createPrivateKey, createPublicKey } from "node:crypto";
import { unwatchFile, watchFile } from "node:fs";
import { type Clock, SECOND_MS, systemClock } from "../base/clock.ts";
import { asError, CodedError } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { fileError } from "./bundle.ts";
import { readIdentityFile } from "./identity-file.ts";
import { listeners } from "./listeners.ts";
import type { Svid, SvidSource } from "./svid.ts";
import { verifySvid } from "./verify.ts";

export interface FileSourceOptions {
  readonly trustDomain: string;
  readonly certificate: string;
  readonly key: string;
  readonly bundle: string;
  readonly log: Log;
  readonly clock?: Clock;
  /** How often the files are looked at, in milliseconds. */
  readonly pollMs?: number;
}

const DEFAULT_POLL_MS = 5 * SECOND_MS;

/**
 * SVIDs that something else writes: cert-manager, a projected PodCertificate volume, SPIRE's helper. Files that do not
 * fit together (a replacement half done) keep the current SVID.
 *
 * @throws {CodedError} IDENTITY_FILE, SVID_* when the files cannot be used at the start
 */
export function createFileSource(options: FileSourceOptions): SvidSource {
  const changed = listeners<Svid>();
  let svid = readSvid(options);
  const renew = async () => {
    const next = readSvid(options);
    if (next.serial === svid.serial && next.bundlePem === svid.bundlePem) return;
    svid = next;
    changed.tell(svid);
  };
  const onFile = () => {
    renew().catch((err: unknown) => options.log.warn({ err }, "identity files not usable; the current ones stay"));
  };
  const files = [options.certificate, options.key, options.bundle];
  for (const file of files) watchFile(file, { interval: options.pollMs ?? DEFAULT_POLL_MS, persistent: false }, onFile);
  return {
    current: () => svid,
    onChange: changed.add,
    renew,
    close: () => {
      for (const file of files) unwatchFile(file, onFile);
    },
  };
}

function readSvid({ trustDomain, certificate, key, bundle, clock = systemClock }: FileSourceOptions): Svid {
  const certChainPem = readIdentityFile(certificate);
  const keyPem = readIdentityFile(key);
  const bundlePem = readIdentityFile(bundle);
  const peer = verifySvid(certChainPem, bundlePem, trustDomain, clock());
  if (!keyFits(certChainPem, keyPem, key)) throw fileError(`${key}: not the key of ${certificate}`);
  return { ...peer, certChainPem, keyPem, bundlePem };
}

function keyFits(certChainPem: string, keyPem: string, file: string): boolean {
  try {
    return createPublicKey(certChainPem).equals(createPublicKey(createPrivateKey(keyPem)));
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw fileError(`${file}: ${asError(thrown).message}`, thrown);
  }
}
