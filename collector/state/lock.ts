import { createHash } from "node:crypto";
import { mkdirSync, realpathSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CodedError } from "../../core/base/errors.ts";
import type { Closable } from "../../core/base/lifecycle.ts";
import { COLLECTOR_ERRORS } from "../errors.ts";

/**
 * Makes this process the only one on this machine that writes to a state folder. The operating system ends the lock
 * with the process, however that ends. Two machines that share a folder are not kept apart.
 *
 * @throws {CodedError} COLLECTOR_STATE_IN_USE
 */
export async function lockState(folder: string): Promise<Closable> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const name = `outrider-collector-${createHash("sha256").update(realpathSync(folder)).digest("hex").slice(0, 32)}`;
  const path = process.platform === "linux" ? `\0${name}` : join(tmpdir(), name);
  const held = (await listening(path)) ?? (await takeOver(path));
  if (held !== undefined) return held;
  const { fix } = COLLECTOR_ERRORS.COLLECTOR_STATE_IN_USE;
  throw new CodedError("COLLECTOR_STATE_IN_USE", `${folder}: another collector writes to it`, fix);
}

/** A name in the file system outlives its process; nobody answers there then. */
async function takeOver(path: string): Promise<Closable | undefined> {
  if (path.startsWith("\0") || (await isAnswered(path))) return undefined;
  rmSync(path, { force: true });
  return listening(path);
}

function listening(path: string): Promise<Closable | undefined> {
  const server = createServer((socket) => socket.destroy()).unref();
  return new Promise((resolve) => {
    server.once("error", () => resolve(undefined));
    server.listen(path, () => resolve({ close: () => new Promise<void>((done) => server.close(() => done())) }));
  });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
