import type { Clock } from "../../base/clock.ts";
import { SECOND_MS } from "../../base/clock.ts";
import { CodedError, messageOf } from "../../base/errors.ts";
import { TOKEN_LIMIT_BYTES, TOKEN_MARGIN_MS, TOKENS_KEPT } from "../limits.ts";
import { formatRepository, type Repository } from "../reference.ts";
import type { Credentials, RegistryHosts } from "./hosts.ts";
import { type Answer, failure, headerOf, type RegistryHttp } from "./http.ts";

/** What a 401 asks for. @see RFC 9110 section 11.6.1; distribution docs, "Token Authentication" */
export type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service?: string };

/** Gets the Authorization header for one repository; keeps tokens until shortly before they expire. */
export interface RegistryAuth {
  /** What to send at once: a kept token, or nothing. Credentials are never sent unasked. */
  known(repository: Repository): string | undefined;
  /** What to send after this refusal. @throws {CodedError} REGISTRY_DENIED, REGISTRY_REALM_REFUSED */
  answer(refusal: Answer, repository: Repository, signal: AbortSignal): Promise<string>;
}

/** A token without a stated lifetime lives this long, in seconds. @see distribution docs, "expires_in" */
const DEFAULT_TOKEN_SECONDS = 60;

export function createRegistryAuth(http: RegistryHttp, hosts: RegistryHosts, clock: Clock): RegistryAuth {
  const kept = new Map<string, { readonly header: string; readonly untilMs: number }>();
  return {
    known: (repository) => {
      const token = kept.get(formatRepository(repository));
      return token !== undefined && token.untilMs > clock() ? token.header : undefined;
    },
    answer: async (refusal, repository, signal) => {
      const challenge = parseChallenge(headerOf(refusal, "www-authenticate") ?? "");
      const credentials = hosts.settings(repository.registry).credentials;
      if (challenge?.scheme === "bearer") {
        const token = await askToken(challenge, repository, credentials, { http, hosts, signal });
        keep(kept, formatRepository(repository), { header: `Bearer ${token.token}`, untilMs: clock() + token.lifeMs });
        return `Bearer ${token.token}`;
      }
      if (challenge?.scheme === "basic" && credentials !== undefined) return basic(credentials);
      throw failure(
        "REGISTRY_DENIED",
        `${formatRepository(repository)}: the registry asks for credentials and none are configured`,
      );
    },
  };
}

/** The first challenge we can answer, of a possibly combined header; parameters in any order, quoted or not. */
export function parseChallenge(header: string): Challenge | undefined {
  const [, scheme = "", rest = ""] = /^\s*(basic|bearer)\b(.{0,2000})/i.exec(header) ?? [];
  if (scheme.toLowerCase() === "basic") return { scheme: "basic" };
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, bare] of rest.matchAll(/([a-z]+)=(?:"([^"]*)"|([^\s,"]+))/gi)) {
    parameters.set(name.toLowerCase(), quoted ?? bare ?? "");
  }
  const realm = parameters.get("realm");
  const service = parameters.get("service");
  if (realm === undefined) return undefined;
  return { scheme: "bearer", realm, ...(service === undefined ? {} : { service }) };
}

interface Way {
  readonly http: RegistryHttp;
  readonly hosts: RegistryHosts;
  readonly signal: AbortSignal;
}

async function askToken(
  challenge: Extract<Challenge, { scheme: "bearer" }>,
  repository: Repository,
  credentials: Credentials | undefined,
  way: Way,
): Promise<{ token: string; lifeMs: number }> {
  const what = `${formatRepository(repository)}: token`;
  const url = URL.canParse(challenge.realm) ? new URL(challenge.realm) : undefined;
  if (url === undefined || !way.hosts.mayAskToken(repository.registry, url)) {
    throw failure(
      "REGISTRY_REALM_REFUSED",
      `${what}: the realm ${challenge.realm.slice(0, 120)} is not this registry's`,
    );
  }
  if (challenge.service !== undefined) url.searchParams.set("service", challenge.service);
  url.searchParams.set("scope", `repository:${repository.repository}:pull`);
  const authorization = credentials === undefined ? {} : { authorization: basic(credentials) };
  const answer = await way.http.get({
    url,
    accept: "application/json",
    limitBytes: TOKEN_LIMIT_BYTES,
    signal: way.signal,
    what,
    ...authorization,
  });
  if (answer.status !== 200) throw failure("REGISTRY_DENIED", `${what}: ${url.host} answered ${answer.status}`);
  return readToken(answer.body, what);
}

function readToken(body: Uint8Array, what: string): { token: string; lifeMs: number } {
  try {
    const json = JSON.parse(new TextDecoder().decode(body)) as Record<string, unknown>;
    const token = json["token"] ?? json["access_token"];
    if (typeof token !== "string" || !/^[\x21-\x7e]{1,16384}$/.test(token)) {
      throw failure("REGISTRY_MALFORMED", `${what}: the answer holds no token`);
    }
    const seconds = typeof json["expires_in"] === "number" ? json["expires_in"] : DEFAULT_TOKEN_SECONDS;
    return { token, lifeMs: Math.max(0, seconds * SECOND_MS - TOKEN_MARGIN_MS) };
  } catch (thrown) {
    if (thrown instanceof CodedError) throw thrown;
    throw failure("REGISTRY_MALFORMED", `${what}: ${messageOf(thrown)}`, thrown);
  }
}

function keep<V>(kept: Map<string, V>, key: string, value: V): void {
  kept.delete(key);
  kept.set(key, value);
  const oldest = kept.keys().next().value;
  if (kept.size > TOKENS_KEPT && oldest !== undefined) kept.delete(oldest);
}

function basic({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
}
