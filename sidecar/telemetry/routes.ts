import { ROUTE_LIMIT } from "../limits.ts";

/** Raw paths remembered with their route, so that a known path costs one look-up. */
const REMEMBERED_PATHS = 2048;
/** Path segments looked at; deeper ones become one `*`. */
const SEGMENT_LIMIT = 8;
/** Longest segment that can be a word. */
const WORD_LIMIT = 32;

const DIGITS = /^\d+$/;
const HEX = /^[0-9a-fA-F]{8,}$/;
const UUID = /^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$/;
const WORD = /^[A-Za-z0-9._~@:+,;=!$'()-]*$/;

export const OTHER = "other";

/**
 * The bounded label of a request: `POST /orders/*`. Segments that look like ids become `*`: digits, UUIDs, 8 or more
 * hex digits, anything over 32 characters or percent-encoded.
 *
 * @param path  as received; the query is not part of it
 */
export function routeTemplate(method: string, path: string): string {
  const query = path.indexOf("?");
  const segments = (query === -1 ? path : path.slice(0, query)).split("/");
  const shown = segments.slice(0, SEGMENT_LIMIT + 1).map((segment) => (isId(segment) ? "*" : segment));
  return `${method} ${shown.join("/")}${segments.length > SEGMENT_LIMIT + 1 ? "/*" : ""}`;
}

function isId(segment: string): boolean {
  if (segment.length > WORD_LIMIT || !WORD.test(segment)) return true;
  return DIGITS.test(segment) || HEX.test(segment) || UUID.test(segment);
}

/** Numbers for label values: at most `limit` distinct ones, then everything is "other" (number `limit`). */
export class LabelTable {
  readonly #numbers = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #limit: number;

  constructor(limit: number) {
    this.#limit = limit;
  }

  number(name: string): number {
    const known = this.#numbers.get(name);
    if (known !== undefined) return known;
    if (this.#names.length >= this.#limit) return this.#limit;
    this.#numbers.set(name, this.#names.length);
    return this.#names.push(name) - 1;
  }

  /** As `number`, for names that may not take a place of their own. */
  known(name: string): number {
    return this.#numbers.get(name) ?? this.#limit;
  }

  name(number: number): string {
    return this.#names[number] ?? OTHER;
  }
}

/** Route numbers by method and raw path. Once per request: one string and one look-up when the path is known. */
export class RouteTable {
  readonly #labels = new LabelTable(ROUTE_LIMIT);
  readonly #remembered = new Map<string, number>();

  number(method: string, path: string): number {
    const raw = `${method} ${path}`;
    const known = this.#remembered.get(raw);
    if (known !== undefined) return known;
    const number = this.#labels.number(routeTemplate(method, path));
    if (this.#remembered.size >= REMEMBERED_PATHS) this.#remembered.clear();
    this.#remembered.set(raw, number);
    return number;
  }

  /** For requests that were not let in: whoever sends them must not use up the labels of those that are. */
  known(method: string, path: string): number {
    return this.#labels.known(routeTemplate(method, path));
  }

  name(number: number): string {
    return this.#labels.name(number);
  }
}
