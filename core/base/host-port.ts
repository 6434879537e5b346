import { z } from "zod";

const HOST_PORT = /^(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/;

/** Where to listen or connect. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** "127.0.0.1:8443" or "[::1]:8443"; `undefined` when it is not one. Port 0 means "any free one". */
export function parseHostPort(text: string): HostPort | undefined {
  const match = HOST_PORT.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  return { host: match[1] ?? match[2] ?? "", port };
}

/** A configuration field holding host:port. */
export const hostPortField = z.string('expected host:port such as "127.0.0.1:8443"').transform((text, context) => {
  const parsed = parseHostPort(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: "custom", message: 'expected host:port such as "127.0.0.1:8443"' });
  return z.NEVER;
});
