/** Deepest nesting read from JSON that strangers wrote. */
export const JSON_DEPTH_LIMIT = 32;

/**
 * Reads JSON that means one thing only: UTF-8 without a mark, no name twice in one object, bounded depth.
 * Readers differ on which of two equal names they take, so that a signature could cover one and a verifier read another.
 *
 * @param mostMembers  values in all objects and arrays together: a few bytes of text each, but much more work and memory
 * @throws {SyntaxError} saying what is wrong
 * @see RFC 8259 section 4, "names within an object SHOULD be unique"; RFC 7515 section 4, which demands it
 */
export function readStrictJson(bytes: Uint8Array, mostMembers: number = Number.POSITIVE_INFINITY): unknown {
  const text = decode(bytes);
  refuseAmbiguity(text, mostMembers);
  return JSON.parse(text);
}

function decode(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new SyntaxError("not UTF-8", { cause });
  }
}

/**
 * One pass, every character looked at once. Counts on nothing that JSON.parse checks later: on text that is not JSON it
 * ends too, with or without a complaint.
 */
function refuseAmbiguity(text: string, mostMembers: number): void {
  const open: (Set<string> | undefined)[] = [];
  let last = "";
  let members = 0;
  for (let at = 0; at < text.length; at++) {
    const mark = text[at];
    if (mark === '"') {
      const end = endOfString(text, at);
      last = text.slice(at, end);
      at = end - 1;
    } else if (mark === ":") addName(open.at(-1), last);
    else if (mark === "{" || mark === "[") {
      open.push(mark === "{" ? new Set() : undefined);
      if (open.length > JSON_DEPTH_LIMIT) throw new SyntaxError(`nested deeper than ${JSON_DEPTH_LIMIT}`);
      members++; // its first, the others come after commas
    } else if (mark === "}" || mark === "]") open.pop();
    else if (mark === ",") {
      last = "";
      members++;
    }
    if (members > mostMembers) throw new SyntaxError(`more than ${mostMembers} members`);
  }
}

/** Behind the closing quote, or the end of the text when there is none. */
function endOfString(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    if (!isEscaped(text, at)) return at + 1;
  }
  return text.length;
}

/** True behind an odd number of backslashes. */
function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === "\\") first--;
  return (at - first) % 2 === 1;
}

function addName(names: Set<string> | undefined, token: string): void {
  if (names === undefined || token === "") return;
  const name = token.includes("\\") ? String(JSON.parse(token)) : token.slice(1, -1);
  if (names.has(name)) throw new SyntaxError(`the name ${token.slice(0, 80)} twice in one object`);
  names.add(name);
}
