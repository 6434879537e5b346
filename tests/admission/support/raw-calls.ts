import { readFileSync } from "node:fs";
import { join } from "node:path";
import { connect } from "node:tls";
import { expect } from "@jest/globals";
import { Agent, request } from "undici";
import type { Closable } from "../../../core/base/lifecycle.ts";
import type { Webhook } from "./webhook.ts";

/** A webhook by its address, `ca.pem` in its folder. */
export type Where = Pick<Webhook, "folder" | "url">;

/** One request as its sender likes it. */
export interface RawCall {
  readonly path: string;
  readonly method?: "GET" | "POST" | "PUT" | "DELETE" | "PATCH" | "HEAD";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

export interface Caller extends Closable {
  /** @throws when there is no answer in time: that is a hang */
  call(raw: RawCall): Promise<RawAnswer>;
}

const DEADLINE_MS = 20_000;

/** Calls a webhook over TLS with its own anchors. */
export function createCaller({ folder, url }: Where): Caller {
  const agent = new Agent({ connect: { ca: readFileSync(join(folder, "ca.pem"), "utf8") } });
  return {
    call: async ({ path, method = "POST", headers = { "content-type": "application/json" }, body }) => {
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const options = { dispatcher: agent, method, headers, signal, ...(body === undefined ? {} : { body }) };
      const answer = await request(`${url}${path}`, options);
      return { status: answer.statusCode, text: await answer.body.text() };
    },
    close: () => agent.destroy(),
  };
}

/** Bytes as they are, whether or not they are HTTP: the first answer to them, read until the webhook closes. */
export function sendBytes({ folder, url }: Where, bytes: string): Promise<RawAnswer> {
  const { hostname: host, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), ca: readFileSync(join(folder, "ca.pem"), "utf8") });
    let text = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    socket.setTimeout(DEADLINE_MS, () => socket.destroy(new Error("no answer in time")));
    socket.once("error", reject);
    socket.once("close", () => {
      const [head = "", ...body] = text.split("\r\n\r\n");
      resolve({ status: Number(head.split(" ")[1]), text: body.join("\r\n\r\n") });
    });
    socket.write(bytes);
  });
}

/** A well-formed AdmissionReview that names the uid, or a coded 4xx: there is no third kind of answer. */
export function expectAnswered({ status, text }: RawAnswer, uid?: unknown): void {
  const json = parsed(text) as { apiVersion?: unknown; kind?: unknown; response?: Record<string, unknown> };
  if (status === 200) expectReview(json, uid);
  else {
    expect([status, status >= 400 && status < 500]).toEqual([status, true]);
    expect(json).toEqual({ code: expect.stringMatching(/^[A-Z][A-Z0-9_]+$/), message: TEXT, fix: TEXT });
  }
}

const TEXT: unknown = expect.stringMatching(/\S/);

function expectReview(
  { apiVersion, kind, response = {} }: { [key: string]: unknown; response?: Record<string, unknown> },
  uid: unknown,
): void {
  expect({ apiVersion, kind }).toEqual({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" });
  expect(typeof response["allowed"]).toBe("boolean");
  expect(response["uid"]).toBe(uid ?? response["uid"]);
  if (response["allowed"] === false) expect(response["status"]).toMatchObject({ code: 403, message: TEXT });
  if (response["patch"] === undefined) return;
  expect(response["patchType"]).toBe("JSONPatch");
  expect(parsed(Buffer.from(String(response["patch"]), "base64").toString("utf8"))).toBeInstanceOf(Array);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`not JSON: ${text.slice(0, 200)}`);
  }
}

/** The uid a body asks by, where it is one. */
export function uidIn(body: string): string | undefined {
  try {
    const uid = (JSON.parse(body) as { request?: { uid?: unknown } } | null)?.request?.uid;
    return typeof uid === "string" && uid !== "" ? uid : undefined;
  } catch {
    return undefined;
  }
}
