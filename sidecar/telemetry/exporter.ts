import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { SidecarError } from "../errors.ts";
import { EXPORT_TIMEOUT_MS } from "../limits.ts";

const LATE = `no complete answer in ${EXPORT_TIMEOUT_MS} ms`;
const PROTOBUF = "application/x-protobuf";

/** Posts one OTLP/HTTP request. @throws when it was not taken (any status but 2xx, or no whole answer in time) */
export function postOtlp(base: string, path: string, body: Uint8Array): Promise<void> {
  const url = new URL(path, base.endsWith("/") ? base : `${base}/`);
  const request = url.protocol === "https:" ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    const headers = { "content-type": PROTOBUF, "content-length": body.length };
    const fail = (cause: Error): void => reject(notTaken(url, signal.aborted ? LATE : cause.message, cause));
    const signal = AbortSignal.timeout(EXPORT_TIMEOUT_MS);
    const call = request(url, { method: "POST", headers, signal }, (response) => {
      response.on("error", fail).resume();
      const status = response.statusCode ?? 0;
      if (status >= 200 && status < 300) response.once("end", resolve);
      else reject(notTaken(url, `status ${status}`));
      response.once("close", () => fail(new Error("the answer broke off")));
    });
    call.once("error", fail);
    call.end(body);
  });
}

function notTaken(url: URL, why: string, cause?: unknown): Error {
  return new SidecarError("EXPORT_FAILED", `${url.href}: ${why}`, { cause });
}
