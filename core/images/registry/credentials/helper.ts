import { execa } from "execa";
import { z } from "zod";
import { messageOf } from "../../../base/errors.ts";
import { HELPER_DEADLINE_MS, HELPER_OUTPUT_LIMIT_BYTES } from "../../limits.ts";
import { failure } from "../answer.ts";
import type { Credential } from "./credential.ts";

/** Lets credential helpers run. Without it they are refused, because a configuration file would choose a program. */
export interface HelperOptions {
  /** The whole environment of a helper: PATH, and what it finds its own configuration by. */
  readonly env: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
}

/** @see https://github.com/docker/docker-credential-helpers, "get" */
const answer = z.object({
  Username: z.string().max(1024),
  Secret: z
    .string()
    .min(1)
    .max(64 * 1024),
});

/** What a helper answers as user name when its secret is an identity token. */
const TOKEN_USER = "<token>";

/**
 * Asks `docker-credential-<program> get` for one server.
 *
 * @throws {CodedError} CREDENTIAL_HELPER_REFUSED without options, CREDENTIAL_HELPER_FAILED; neither quotes its output
 */
export async function askHelper(
  { program, server }: Extract<Credential, { kind: "helper" }>,
  options: HelperOptions | undefined,
  signal: AbortSignal,
): Promise<Exclude<Credential, { kind: "helper" }>> {
  const name = `docker-credential-${program}`;
  if (options === undefined) {
    throw failure("CREDENTIAL_HELPER_REFUSED", `${server}: its credentials are with ${name}, which is not run`);
  }
  const text = await runHelper(name, server, options, signal);
  const parsed = answer.safeParse(parseJson(text));
  if (!parsed.success) throw failure("CREDENTIAL_HELPER_FAILED", `${name}: its answer for ${server} is no credential`);
  const { Username: username, Secret: password } = parsed.data;
  return username === TOKEN_USER ? { kind: "identity", token: password } : { kind: "basic", username, password };
}

async function runHelper(name: string, server: string, options: HelperOptions, signal: AbortSignal): Promise<string> {
  try {
    const { stdout } = await execa(name, ["get"], {
      input: server,
      env: options.env,
      extendEnv: false,
      timeout: options.deadlineMs ?? HELPER_DEADLINE_MS,
      maxBuffer: HELPER_OUTPUT_LIMIT_BYTES,
      cancelSignal: signal,
      stderr: "ignore",
    });
    return stdout;
  } catch (thrown) {
    const { shortMessage = messageOf(thrown) } = thrown as { shortMessage?: string };
    throw failure("CREDENTIAL_HELPER_FAILED", `${server}: ${shortMessage.slice(0, 200)}`);
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
