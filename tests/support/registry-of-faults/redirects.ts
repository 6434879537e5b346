import type { Fault } from "../../../cli/demo/registry/reply.ts";
import { redirectTo } from "./answers.ts";

/** Where a redirect must not lead, by what is there. */
export const FORBIDDEN_REDIRECTS: Readonly<Record<string, string>> = {
  "the cloud's metadata": "https://169.254.169.254/latest/meta-data/",
  "a service of this machine": "https://127.0.0.1:6443/api",
  "this machine by name": "https://localhost:6443/api",
  "this machine as one number": "https://2130706433/",
  "this machine in octal": "https://0177.0.0.1/",
  "this machine in hex": "https://0x7f000001/",
  "this machine as zero": "https://0.0.0.0/",
  "this machine in IPv6": "https://[::1]/",
  "this machine mapped into IPv6": "https://[::ffff:127.0.0.1]/",
  "metadata behind NAT64": "https://[64:ff9b::a9fe:a9fe]/",
  "a service of the cluster": "https://10.96.0.1/",
  "plain HTTP elsewhere": "http://example.com/",
  "user info": "https://user@example.com/",
  "a file": "file:///etc/passwd",
  "no URL": "https://",
};

/** Back to the path that redirects. */
export function redirectLoop(): Fault {
  return (exchange) => redirectTo(exchange.url)(exchange);
}
