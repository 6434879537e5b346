import type { HostPort } from "../../core/base/host-port.ts";

/** What one probe found. */
export interface Probed {
  /** What the kubelet is answered: 200, or why not. */
  readonly status: number;
  /** One line for the pod's events; nothing of the application's answer, which only mesh peers may read. */
  readonly text: string;
  /** Whether the application answered at all, which is all that a hook asks for. */
  readonly answered: boolean;
}

/** Where the application is. */
export interface Application {
  /** The pod's own address: the host that the kubelet would have named. */
  readonly host: string;
  /** Where one of its ports is reached from inside the pod. */
  readonly dial: (port: number) => HostPort;
}

export const PASSED: Probed = { status: 200, text: "ok", answered: true };
