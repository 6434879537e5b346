import { once } from "node:events";
import { connect } from "node:net";
import type { HostPort } from "../../core/base/host-port.ts";
import { PASSED, type Probed } from "./probed.ts";

/** Whether a port takes connections. @throws the system's error, or the signal's */
export async function probeTcp(at: HostPort, signal: AbortSignal): Promise<Probed> {
  const socket = connect({ ...at, signal });
  try {
    await once(socket, "connect", { signal });
    return PASSED;
  } finally {
    socket.on("error", () => {}).destroy();
  }
}
