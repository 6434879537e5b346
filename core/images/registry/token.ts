import { SECOND_MS } from "../../base/clock.ts";
import { CodedError } from "../../base/errors.ts";
import { TOKEN_LIFE_LIMIT_MS, TOKEN_LIMIT_BYTES, TOKEN_MARGIN_MS } from "../limits.ts";
import { formatRepository, type Repository } from "../reference.ts";
import { type Answer, failure } from "./answer.ts";
import type { BearerChallenge } from "./challenge.ts";
import type { Credential } from "./credentials/credential.ts";
import type { RegistryHosts } from "./hosts.ts";
import type { Ask, RegistryHttp } from "./http.ts";

export interface Token {
  readonly token: string;
  /** How long it may be used from now, in milliseconds; its real life less a margin. */
  readonly lifeMs: number;
}

export interface TokenRequest {
  readonly challenge: BearerChallenge;
  readonly repository: Repository;
  /** Not a helper: what it said. */
  readonly credential: Exclude<Credential, { kind: "helper" | "bearer" }> | undefined;
  readonly signal: AbortSignal;
}

/** A token without a stated lifetime lives this long, in seconds. @see distribution docs, "expires_in" */
const DEFAULT_TOKEN_SECONDS = 60;
const CLIENT_ID = "outrider";
const TOKEN = /^[\x21-\x7e]{1,16384}$/;

/**
 * Gets an access token that pulls from one repository and does nothing else: a GET with a password or anonymously, a
 * POST of the refresh token with an identity token.
 *
 * @throws {CodedError} REGISTRY_REALM_REFUSED before anything is sent to a realm that is not the registry's,
 *   REGISTRY_DENIED, REGISTRY_TOKEN_MALFORMED
 * @see https://distribution.github.io/distribution/spec/auth/token/ and …/oauth/
 */
export async function askToken(
  { challenge, repository, credential, signal }: TokenRequest,
  { http, hosts }: { readonly http: RegistryHttp; readonly hosts: RegistryHosts },
): Promise<Token> {
  const what = `${formatRepository(repository)}: token`;
  const url = realmOf(challenge, repository, hosts, what);
  const wanted = { service: challenge.service, scope: `repository:${repository.repository}:pull` };
  const answer = await http.send({
    url,
    accept: "application/json",
    limitBytes: TOKEN_LIMIT_BYTES,
    signal,
    what,
    ...questionOf(url, wanted, credential),
  });
  if (answer.status !== 200) throw failure("REGISTRY_DENIED", `${what}: ${url.host} answered ${answer.status}`);
  return readToken(answer, what);
}

function realmOf({ realm }: BearerChallenge, { registry }: Repository, hosts: RegistryHosts, what: string): URL {
  const url = URL.canParse(realm) ? new URL(realm) : undefined;
  if (url !== undefined && hosts.mayAskToken(registry, url)) return url;
  throw failure("REGISTRY_REALM_REFUSED", `${what}: the realm ${realm.slice(0, 120)} is not this registry's`);
}

type Wanted = Readonly<Record<string, string | undefined>>;

/** Where the credential goes: into the header of a GET, or into the form of a POST. */
function questionOf(
  url: URL,
  wanted: Wanted,
  credential: TokenRequest["credential"],
): Pick<Ask, "authorization" | "form"> {
  const form = new URLSearchParams();
  const parameters = credential?.kind === "identity" ? form : url.searchParams;
  for (const [name, value] of Object.entries(wanted)) if (value !== undefined) parameters.set(name, value);
  if (credential === undefined) return {};
  if (credential.kind === "basic") return { authorization: basicHeader(credential) };
  form.set("grant_type", "refresh_token");
  form.set("client_id", CLIENT_ID);
  form.set("refresh_token", credential.token);
  return { form };
}

export function basicHeader({ username, password }: Extract<Credential, { kind: "basic" }>): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}

/** The answer is never quoted: it holds a secret. */
function readToken({ body }: Answer, what: string): Token {
  try {
    const json = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown> | null;
    const token = json?.["token"] ?? json?.["access_token"];
    if (typeof token !== "string" || !TOKEN.test(token)) throw malformedToken(what);
    const stated = json?.["expires_in"];
    const seconds = typeof stated === "number" && stated > 0 ? stated : DEFAULT_TOKEN_SECONDS;
    return { token, lifeMs: Math.max(0, Math.min(seconds * SECOND_MS, TOKEN_LIFE_LIMIT_MS) - TOKEN_MARGIN_MS) };
  } catch (thrown) {
    throw thrown instanceof CodedError ? thrown : malformedToken(what);
  }
}

function malformedToken(what: string): CodedError {
  return failure("REGISTRY_TOKEN_MALFORMED", `${what}: the answer holds no token`);
}
