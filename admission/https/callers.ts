import { readFileSync } from "node:fs";
import type { TLSSocket } from "node:tls";
import { CodedError, codedSystemError } from "../../core/base/errors.ts";
import { ADMISSION_ERRORS } from "../errors.ts";

/** Who may ask for reviews. Without an authority, anyone who reaches the port. */
export interface Callers {
  /** PEM file. */
  readonly clientCa?: string | undefined;
  /** Common names or DNS names; any certificate of the authority when left out. */
  readonly clientNames?: readonly string[] | undefined;
}

/** What the listener asks of who connects; a probe may come without a certificate, so that the handshake refuses nobody. */
export interface CallerCheck {
  readonly tls: { readonly requestCert?: true; readonly rejectUnauthorized?: false; readonly ca?: string };
  /** @throws {CodedError} REVIEW_CALLER_UNKNOWN before a byte of the body is read */
  check(socket: TLSSocket): void;
}

/** Reads the authority anew each time, so that a renewed one counts with the next certificate. @throws {CodedError} FILE_NOT_USABLE */
export function callerCheck({ clientCa, clientNames }: Callers): CallerCheck {
  if (clientCa === undefined) return { tls: {}, check: () => {} };
  return {
    tls: { requestCert: true, rejectUnauthorized: false, ca: readAuthority(clientCa) },
    check: (socket) => {
      if (!socket.authorized) throw unknownCaller(reasonOf(socket));
      const names = namesOf(socket);
      if (clientNames !== undefined && !clientNames.some((name) => names.includes(name)))
        throw unknownCaller(`a certificate of ${names.map((name) => JSON.stringify(name)).join(", ") || "nobody"}`);
    },
  };
}

/** Node says of nobody's certificate what it says of one whose issuer it does not know. */
function reasonOf(socket: TLSSocket): string {
  const shows = Object.keys(socket.getPeerCertificate()).length > 0;
  return shows ? `a certificate that does not verify (${socket.authorizationError})` : "no certificate";
}

function namesOf(socket: TLSSocket): string[] {
  const { subject, subjectaltname = "" } = socket.getPeerCertificate();
  const dns = [...subjectaltname.matchAll(/(?:^|, )DNS:([^,"]+)/g)].map((match) => match[1] ?? "");
  const common = subject?.CN as string | string[] | undefined;
  return [...(common === undefined ? [] : [common].flat()), ...dns];
}

function readAuthority(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (thrown) {
    throw codedSystemError(thrown, `tls.clientCa ${file}`);
  }
}

function unknownCaller(found: string): CodedError {
  const { fix } = ADMISSION_ERRORS.REVIEW_CALLER_UNKNOWN;
  return new CodedError(
    "REVIEW_CALLER_UNKNOWN",
    `caller: found ${found.slice(0, 200)}, expected the API server's`,
    fix,
  );
}
