/** Deepest nesting read from JSON that strangers wrote. */
export const JSON_DEPTH_LIMIT = 32;

/** Strings with their escapes, and the marks that give JSON its shape. Everything else between them is a plain value. */
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]/gs;

/**
 * Reads JSON that means one thing only: UTF-8 without a mark, no name twice in one object, bounded depth.
 * Readers differ on which of two equal names they take, so that a signature could cover one and a verifier read another.
 *
 * @throws {SyntaxError} saying what is wrong
 * @see RFC 8259 section 4, "names within an object SHOULD be unique"; RFC 7515 section 4, which demands it
 */
export function readStrictJson(bytes: Uint8Array): unknown {
  const text = decode(bytes);
  refuseAmbiguity(text);
  return JSON.parse(text);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError("not UTF-8", { cause });
  }
}

/** Counts on nothing that JSON.parse checks later: on text that is not JSON it ends too, with or without a complaint. */
function refuseAmbiguity(text: string): void {
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") open.push(token === "{" ? new Set() : undefined);
    if (open.length > JSON_DEPTH_LIMIT) throw new SyntaxError(`nested deeper than ${JSON_DEPTH_LIMIT}`);
    if (token === "}" || token === "]") open.pop();
    if (token === ":") addName(open.at(-1), last);
    last = token;
  }
}

function addName(names: Set<string> | undefined, token: string): void {
  if (names === undefined || !token.startsWith('"')) return;
  const name: unknown = JSON.parse(token);
  if (names.has(String(name))) throw new SyntaxError(`the name ${token.slice(0, 80)} twice in one object`);
  names.add(String(name));
}
