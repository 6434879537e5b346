import { type Exchange, type Fault, jsonReply, type Reply } from "../../../cli/demo/registry/reply.ts";
import { status } from "./answers.ts";

/** Answers 401 until the token comes back; serves the token at /token. */
export function demandToken(host: string, token: string, realm = `http://${host}/token`): Fault {
  return ({ url, headers }) => {
    if (url.startsWith("/token")) return jsonReply(200, { token, expires_in: 300 });
    if (headers["authorization"] === `Bearer ${token}`) return undefined;
    return unauthorized(`Bearer realm="${realm}",service="test"`);
  };
}

/** Answers 401 until these credentials come. */
export function demandBasic(username: string, password: string): Fault {
  const expected = `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`;
  return ({ headers }) => (headers["authorization"] === expected ? undefined : unauthorized('Basic realm="test"'));
}

/** Hands out tokens and believes none of them. */
export function loop401(host: string): Fault {
  return ({ url }) => {
    if (url.startsWith("/token")) return jsonReply(200, { token: `t${Math.random()}` });
    return unauthorized(`Bearer realm="http://${host}/token",service="test"`);
  };
}

/** Sends whoever asks for a token to this address. */
export function hostileRealm(realm: string): Fault {
  return () => unauthorized(`Bearer realm="${realm}",service="test"`);
}

/** Asks to be left alone: 429, with a Retry-After in seconds or as a date when one is given. */
export function tooManyRequests(retryAfter?: string): Fault {
  return status(429, retryAfter === undefined ? {} : { "retry-after": retryAfter });
}

/** Down for maintenance: 503 with a Retry-After. */
export function unavailable(retryAfter: string): Fault {
  return status(503, { "retry-after": retryAfter });
}

function unauthorized(challenge: string): Reply {
  return status(401, { "www-authenticate": challenge })({} as Exchange) as Reply;
}
