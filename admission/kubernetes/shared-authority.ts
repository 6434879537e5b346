import type { Clock } from "../../core/base/clock.ts";
import { CodedError } from "../../core/base/errors.ts";
import type { ApiObject, ApiServer } from "../../core/cluster/api-server/api-server.ts";
import { type Authority, type AuthorityOptions, createAuthority } from "../../core/identity/authority.ts";
import type { Root } from "../../core/identity/root.ts";
import { parseRoots, renderRoots } from "../../core/identity/root-store.ts";
import { PATHS } from "./paths.ts";

export const CA_SECRET = "outrider-webhook-ca";
/** An annotation that whoever may change the Secret sets to have the anchor replaced now. */
export const ROTATE_ANNOTATION = "outrider.dev/rotate";

const ROOTS_KEY = "roots.json";
const CONFLICT_RETRIES = 8;

interface Secret extends ApiObject {
  readonly data?: Readonly<Record<string, string>>;
}

export interface SharedAuthorityOptions extends Omit<AuthorityOptions, "stateDir"> {
  readonly api: ApiServer;
  readonly namespace: string;
  readonly clock: Clock;
}

/**
 * The authority that all replicas share, as the Secret has it now: made by whoever comes first, rotated and cleaned by
 * whoever finds that it is time. Each change is written on condition that nobody else's came between.
 *
 * @throws {CodedError} IDENTITY_FILE when the Secret holds something else; an API server's refusal
 */
export async function readSharedAuthority(options: SharedAuthorityOptions): Promise<Authority> {
  for (let retry = 0; ; retry++) {
    try {
      return await readOnce(options);
    } catch (thrown) {
      const lost = thrown instanceof CodedError && thrown.code === "API_CONFLICT";
      if (!lost || retry >= CONFLICT_RETRIES) throw thrown;
    }
  }
}

async function readOnce({ api, namespace, ...options }: SharedAuthorityOptions): Promise<Authority> {
  const path = PATHS.secrets(namespace);
  const secret = await readSecret(api, `${path}/${CA_SECRET}`);
  const before = rootsOf(secret, namespace, options.trustDomain);
  let after = before;
  const store = {
    load: () => after,
    save: (roots: readonly Root[]) => {
      after = roots;
    },
  };
  const authority = createAuthority({ ...options, stateDir: store });
  const asked = secret?.metadata.annotations?.[ROTATE_ANNOTATION] !== undefined;
  if (asked && !isBusy(authority)) authority.rotate();
  if (after === before && !asked) return authority;
  const body = secretOf(namespace, after, secret);
  if (secret === undefined) await api.ask({ method: "POST", path, body });
  else await api.ask({ method: "PUT", path: `${path}/${CA_SECRET}`, body });
  return authority;
}

/** A rotation asked for while one is under way is that one. */
function isBusy(authority: Authority): boolean {
  return authority.bundle().length > 1;
}

async function readSecret(api: ApiServer, path: string): Promise<Secret | undefined> {
  try {
    return await api.ask<Secret>({ path });
  } catch (thrown) {
    if (thrown instanceof CodedError && thrown.code === "API_OBJECT_MISSING") return undefined;
    throw thrown;
  }
}

function rootsOf(secret: Secret | undefined, namespace: string, trustDomain: string): readonly Root[] {
  if (secret === undefined) return [];
  const text = Buffer.from(secret.data?.[ROOTS_KEY] ?? "", "base64").toString("utf8");
  return parseRoots(text, `Secret ${namespace}/${CA_SECRET}`, trustDomain);
}

/** With the version that was read: the API server refuses it when there is another by now. */
function secretOf(namespace: string, roots: readonly Root[], before: Secret | undefined): object {
  const { [ROTATE_ANNOTATION]: _, ...annotations } = before?.metadata.annotations ?? {};
  const data = { [ROOTS_KEY]: Buffer.from(renderRoots(roots)).toString("base64") };
  const metadata = { ...before?.metadata, name: CA_SECRET, namespace, annotations };
  return { apiVersion: "v1", kind: "Secret", type: "Opaque", metadata, data };
}
