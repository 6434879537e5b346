import { z } from "zod";
import { CodedError } from "../../../base/errors.ts";
import { IMAGES_ERRORS } from "../../errors.ts";
import { CREDENTIALS_LIMIT_BYTES, CREDENTIALS_PER_FILE } from "../../limits.ts";
import type { Credential } from "./credential.ts";
import { type KeyringEntry, parseServer } from "./keyring.ts";

const text = z.string().max(64 * 1024);

/** @see https://github.com/docker/cli, cli/config/types/authconfig.go */
const auth = z.object({
  auth: text.nullish(),
  username: text.nullish(),
  password: text.nullish(),
  identitytoken: text.nullish(),
  registrytoken: text.nullish(),
});

const auths = z.record(z.string().max(1024), auth);
const helperName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

/** `config.json` of docker, and `.dockerconfigjson` of Kubernetes. */
const dockerConfig = z.object({
  auths: auths.nullish(),
  credHelpers: z.record(z.string().max(1024), helperName).nullish(),
  credsStore: helperName.nullish(),
});

type Auth = z.infer<typeof auth>;

/**
 * The credentials of a docker `config.json`. Pure: helpers it names become entries that say so, and run nowhere here.
 *
 * @param where  the file or secret, for messages; never its content
 * @throws {CodedError} CREDENTIALS_INVALID
 */
export function parseDockerConfig(json: string, where: string): readonly KeyringEntry[] {
  const config = check(dockerConfig, json, where);
  const helpers = Object.entries(config.credHelpers ?? {}).flatMap(([server, program]) => helperEntry(server, program));
  const { credsStore } = config;
  const stored = Object.entries(config.auths ?? {}).flatMap(([server, one]) => {
    const entry = authEntry(server, one, where);
    return entry.length === 0 && credsStore != null ? helperEntry(server, credsStore) : entry;
  });
  return bounded([...helpers, ...stored], where);
}

/** The credentials of a `.dockercfg`: the same servers, one level up. @throws {CodedError} CREDENTIALS_INVALID */
export function parseDockercfg(json: string, where: string): readonly KeyringEntry[] {
  const entries = Object.entries(check(auths, json, where));
  return bounded(
    entries.flatMap(([server, one]) => authEntry(server, one, where)),
    where,
  );
}

function helperEntry(server: string, program: string): KeyringEntry[] {
  const scope = parseServer(server);
  return scope === undefined ? [] : [{ ...scope, credential: { kind: "helper", program, server } }];
}

function authEntry(server: string, one: Auth, where: string): KeyringEntry[] {
  const scope = parseServer(server);
  if (scope === undefined) throw invalid(where, `${JSON.stringify(server.slice(0, 80))} names no registry`);
  const credential = credentialOf(one, `${where}: ${server}`);
  return credential === undefined ? [] : [{ ...scope, credential }];
}

/** What a header can hold; anything else would fail each request as if the registry had. @see RFC 6750 section 2.1 */
const HEADER_TOKEN = /^[\x21-\x7e]+$/;

/** Tokens win over the password beside them, as they do in docker. Empty fields count as absent. */
function credentialOf(one: Auth, where: string): Credential | undefined {
  if (filled(one.registrytoken)) {
    if (!HEADER_TOKEN.test(one.registrytoken)) throw invalid(where, 'its "registrytoken" is not a token');
    return { kind: "bearer", token: one.registrytoken };
  }
  if (filled(one.identitytoken)) return { kind: "identity", token: one.identitytoken };
  if (filled(one.auth)) return { kind: "basic", ...splitAuth(one.auth, where) };
  if (filled(one.username)) return { kind: "basic", username: one.username, password: one.password ?? "" };
  return undefined;
}

function filled(value: string | null | undefined): value is string {
  return value != null && value !== "";
}

/** base64 of "user:password", where the password may hold colons; old files end it with NUL bytes. */
function splitAuth(encoded: string, where: string): { username: string; password: string } {
  const plain = Buffer.from(encoded, "base64").toString("utf8").replace(/\0+$/, "");
  const colon = plain.indexOf(":");
  if (colon < 1) throw invalid(where, 'its "auth" is not base64 of user:password');
  return { username: plain.slice(0, colon), password: plain.slice(colon + 1) };
}

/** Parsers' messages may quote what they read, so none is passed on: it could be a password. */
function check<T>(schema: z.ZodType<T>, json: string, where: string): T {
  if (json.length > CREDENTIALS_LIMIT_BYTES) throw invalid(where, `is larger than ${CREDENTIALS_LIMIT_BYTES} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw invalid(where, "is not JSON");
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw invalid(
    where,
    `is not a docker configuration at ${result.error.issues[0]?.path.slice(0, 2).join(".") || "its top"}`,
  );
}

function bounded(entries: readonly KeyringEntry[], where: string): readonly KeyringEntry[] {
  if (entries.length <= CREDENTIALS_PER_FILE) return entries;
  throw invalid(where, `names ${entries.length} registries, at most ${CREDENTIALS_PER_FILE} are read`);
}

export function invalid(where: string, why: string): CodedError {
  return new CodedError("CREDENTIALS_INVALID", `${where}: ${why}`, IMAGES_ERRORS.CREDENTIALS_INVALID.fix);
}
