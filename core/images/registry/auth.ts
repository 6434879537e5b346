import type { Clock } from "../../base/clock.ts";
import { BASIC_KEPT_MS, REQUEST_DEADLINE_MS, TOKENS_KEPT } from "../limits.ts";
import { formatRepository, type Repository } from "../reference.ts";
import { type Answer, failure, headerOf } from "./answer.ts";
import { type Challenge, parseChallenge } from "./challenge.ts";
import { type Credential, credentialId } from "./credentials/credential.ts";
import { askHelper, type HelperOptions } from "./credentials/helper.ts";
import type { Keyring } from "./credentials/keyring.ts";
import type { RegistryHosts } from "./hosts.ts";
import type { RegistryHttp } from "./http.ts";
import { askToken, basicHeader } from "./token.ts";

/** One repository, asked on behalf of whoever holds these credentials. */
export interface Visitor {
  readonly repository: Repository;
  readonly keyring: Keyring;
}

/**
 * Gets the Authorization header for one visitor. What was learnt is kept by repository and credential, so that one
 * visitor's token is never sent for another.
 */
export interface RegistryAuth {
  /** What to send at once: what this registry asked for before. Credentials are never sent unasked. */
  known(visitor: Visitor): string | undefined;
  /** What to send after this refusal. @throws {CodedError} REGISTRY_DENIED, REGISTRY_REALM_REFUSED, CREDENTIAL_HELPER_* */
  answer(refusal: Answer, visitor: Visitor, signal: AbortSignal): Promise<string>;
}

export interface AuthParts {
  readonly http: RegistryHttp;
  readonly hosts: RegistryHosts;
  readonly clock: Clock;
  /** Credential helpers may run. */
  readonly helpers?: HelperOptions;
  readonly requestDeadlineMs?: number;
}

interface Pass {
  readonly header: string;
  readonly untilMs: number;
}

export function createRegistryAuth(parts: AuthParts): RegistryAuth {
  const { clock, requestDeadlineMs = REQUEST_DEADLINE_MS } = parts;
  const kept = new Map<string, Pass>();
  const underWay = new Map<string, Promise<Pass>>();
  const keyOf = ({ repository, keyring }: Visitor) =>
    `${formatRepository(repository)} ${credentialId(keyring.find(repository))}`;
  const obtainOnce = (key: string, challenge: Challenge, visitor: Visitor) => {
    const work = obtain(challenge, visitor, parts, AbortSignal.timeout(requestDeadlineMs))
      .then((pass) => {
        keep(kept, key, pass);
        return pass;
      })
      .finally(() => underWay.delete(key));
    underWay.set(key, work);
    return work;
  };
  return {
    known: (visitor) => {
      const pass = kept.get(keyOf(visitor));
      return pass !== undefined && pass.untilMs > clock() ? pass.header : undefined;
    },
    answer: async (refusal, visitor, signal) => {
      const challenge = parseChallenge(headerOf(refusal, "www-authenticate") ?? "");
      if (challenge === undefined) throw denied(visitor);
      const key = `${keyOf(visitor)}`;
      const pass = await before(signal, underWay.get(key) ?? obtainOnce(key, challenge, visitor), visitor);
      return pass.header;
    },
  };
}

/** Shared by everybody who wants the same at the same time, so it has a deadline of its own. */
async function obtain(challenge: Challenge, visitor: Visitor, parts: AuthParts, signal: AbortSignal): Promise<Pass> {
  const { repository, keyring } = visitor;
  const credential = await resolve(keyring.find(repository), parts, signal);
  const nowMs = parts.clock();
  if (challenge.scheme === "basic") {
    if (credential?.kind === "basic") return { header: basicHeader(credential), untilMs: nowMs + BASIC_KEPT_MS };
    throw denied(visitor);
  }
  if (credential?.kind === "bearer") return { header: `Bearer ${credential.token}`, untilMs: nowMs + BASIC_KEPT_MS };
  const { token, lifeMs } = await askToken({ challenge, repository, credential, signal }, parts);
  return { header: `Bearer ${token}`, untilMs: nowMs + lifeMs };
}

async function resolve(
  credential: Credential | undefined,
  { helpers }: AuthParts,
  signal: AbortSignal,
): Promise<Exclude<Credential, { kind: "helper" }> | undefined> {
  return credential?.kind === "helper" ? askHelper(credential, helpers, signal) : credential;
}

async function before<T>(signal: AbortSignal, work: Promise<T>, { repository }: Visitor): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const what = `${formatRepository(repository)}: token`;
  const onAbort = () => reject(failure("REGISTRY_TIMEOUT", `${what}: not obtained in time`, signal.reason));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort, { once: true });
  work.catch(() => {});
  try {
    return await Promise.race([promise, work]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function denied({ repository }: Visitor): Error {
  return failure(
    "REGISTRY_DENIED",
    `${formatRepository(repository)}: the registry asks for credentials and none are configured`,
  );
}

function keep<V>(kept: Map<string, V>, key: string, value: V): void {
  kept.delete(key);
  kept.set(key, value);
  const oldest = kept.keys().next().value;
  if (kept.size > TOKENS_KEPT && oldest !== undefined) kept.delete(oldest);
}
