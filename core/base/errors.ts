/**
 * An error a person can act on.
 *
 *   code     stable, upper case, one row in docs/errors.md: "CONFIG_INVALID"
 *   message  lower case, no final stop, the thing first: "slo/checkout.yaml: 3 problems"
 *   fix      what to do next, as an instruction; a command where there is one
 *   cause    what was caught, never thrown away
 */
export class CodedError extends Error {
  readonly code: string;
  readonly fix: string;

  constructor(code: string, message: string, fix: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = "CodedError";
    this.code = code;
    this.fix = fix;
  }

  /** `JSON.stringify(error)` on a plain Error prints `{}`; this keeps a logged one readable. */
  toJSON(): { code: string; message: string; fix: string; cause?: string } {
    const cause = this.cause === undefined ? {} : { cause: messageOf(this.cause) };
    return { code: this.code, message: this.message, fix: this.fix, ...cause };
  }
}

/** Codes that any folder may raise; each other folder has its own table. @see docs/errors.md */
export const BASE_ERRORS = {
  CONFIG_INVALID: {
    means: "a configuration file has problems; the message lists all of them, with their paths",
    fix: "mend each line of the message; nothing was started",
  },
  CONFIG_UNREADABLE: {
    means: "a configuration file is missing, unreadable or not YAML",
    fix: "check the path, its permissions and the line the message names",
  },
  PORT_IN_USE: {
    means: "another process listens on the configured address",
    fix: "stop the process that listens there, or choose another port",
  },
  ADDRESS_NOT_AVAILABLE: {
    means: "the configured address is not one of this machine",
    fix: "use an address of this machine; on macOS add the loopback alias: sudo ifconfig lo0 alias ADDRESS",
  },
  PORT_FORBIDDEN: {
    means: "this user may not listen on the configured port",
    fix: "choose a port of 1024 or above, or grant CAP_NET_BIND_SERVICE",
  },
  FILE_NOT_USABLE: {
    means: "a file or folder that the configuration names cannot be read or written by this user",
    fix: "check that the path is a folder where one is meant, its permissions, and that its disk is not read-only",
  },
  DISK_FULL: {
    means: "the disk that holds the state folder is full",
    fix: "free disk space, or point the data folder at another disk",
  },
  BINARY_MISSING: {
    means: "a program that the configuration asks for is not installed",
    fix: "install it and put it on the PATH, or turn off what needs it",
  },
  INTERNAL: {
    means: "something that should not happen did",
    fix: "report it with the lines that were printed",
  },
} as const;

export type BaseCode = keyof typeof BASE_ERRORS;

/** What any thrown value says of itself. Libraries throw strings and objects too. */
export function messageOf(thrown: unknown): string {
  if (thrown instanceof Error) return thrown.message;
  return typeof thrown === "string" ? thrown : (JSON.stringify(thrown) ?? String(thrown));
}

/** An Error from whatever was thrown, the same object when it is one already. */
export function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(messageOf(thrown), { cause: thrown });
}

const SYSTEM_CODES: Readonly<Record<string, BaseCode>> = {
  EADDRINUSE: "PORT_IN_USE",
  EADDRNOTAVAIL: "ADDRESS_NOT_AVAILABLE",
  ENOSPC: "DISK_FULL",
  EDQUOT: "DISK_FULL",
  EFBIG: "DISK_FULL",
  EACCES: "FILE_NOT_USABLE",
  EPERM: "FILE_NOT_USABLE",
  EROFS: "FILE_NOT_USABLE",
  ENOTDIR: "FILE_NOT_USABLE",
  EISDIR: "FILE_NOT_USABLE",
  EEXIST: "FILE_NOT_USABLE",
};

/** The same errno means another thing where an address is asked for. */
const LISTEN_CODES: Readonly<Record<string, BaseCode>> = { EACCES: "PORT_FORBIDDEN", EPERM: "PORT_FORBIDDEN" };

/**
 * Gives a system error (errno) its Outrider code and fix; any other error passes through unchanged.
 *
 * @param what  the thing first: "admission webhook 127.0.0.1:8443"
 */
export function codedSystemError(thrown: unknown, what: string): Error {
  const { code, syscall } = (thrown ?? {}) as { code?: unknown; syscall?: unknown };
  const errno = typeof code === "string" ? code : "";
  const known = (syscall === "listen" || syscall === "bind" ? LISTEN_CODES[errno] : undefined) ?? SYSTEM_CODES[errno];
  if (known === undefined) return asError(thrown);
  return new CodedError(known, `${what}: ${messageOf(thrown)}`, BASE_ERRORS[known].fix, { cause: thrown });
}

/** The two lines a command line prints: `error: CODE: message` and `hint: fix`. */
export function renderError(thrown: unknown): string {
  if (thrown instanceof CodedError) return `error: ${thrown.code}: ${thrown.message}\nhint: ${thrown.fix}`;
  const error = asError(thrown);
  return `error: INTERNAL: ${error.message}\nhint: this is a bug in outrider; please report it with:\n${error.stack ?? ""}`;
}
