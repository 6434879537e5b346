import { randomInt } from "node:crypto";
import { createServer, type Server } from "node:net";
import { CodedError } from "../../core/base/errors.ts";

/** Blocks tried before giving up; each try is a random one of 50,000. */
const TRIES = 50;
/** A port nothing else of the demo uses; listening on it claims the block against other demos on this machine. */
const CLAIM_PORT = 15_999;

/**
 * A loopback block of one demo run. Every part has an address of its own in it (Linux routes all of 127.0.0.0/8 to
 * the loopback device), so that ports never clash and two demos can run at once.
 */
export interface Block {
  /** "127.83.12" */
  readonly prefix: string;
  /** The address of one part: `at(21)` is "127.83.12.21". */
  at(host: number): string;
  release(): Promise<void>;
}

/** @throws {CodedError} ADDRESS_NOT_AVAILABLE when the machine routes no such addresses or all tries were taken */
export async function claimBlock(): Promise<Block> {
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const prefix = `127.${randomInt(10, 250)}.${randomInt(1, 250)}`;
    const claim = await listen(`${prefix}.254`);
    if (claim === undefined) continue;
    const release = () => new Promise<void>((resolve) => claim.close(() => resolve()));
    return { prefix, at: (host) => `${prefix}.${host}`, release };
  }
  const fix = "on Linux 127.0.0.0/8 is loopback; on macOS run the demo in a Linux VM or container";
  throw new CodedError("ADDRESS_NOT_AVAILABLE", "loopback: no free 127.x.y.0/24 block to listen on", fix);
}

function listen(host: string): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(undefined));
    server.listen({ host, port: CLAIM_PORT, exclusive: true }, () => resolve(server.unref()));
  });
}
