/** A pattern that a whole text is held against. */
export interface IdentityPattern {
  /** Costs the text's length times the pattern's, whatever either of them is. */
  test(text: string): boolean;
}

/** Bound of one compiled pattern: a repetition counts as often as it may repeat. */
export const PATTERN_STATES_LIMIT = 4096;
/** Groups within groups. */
export const PATTERN_DEPTH_LIMIT = 32;

type Accepts = (code: number) => boolean;
type Node =
  | { readonly kind: "one"; readonly accepts: Accepts }
  | { readonly kind: "sequence"; readonly parts: readonly Node[] }
  | { readonly kind: "choice"; readonly parts: readonly Node[] }
  | { readonly kind: "repeat"; readonly part: Node; readonly least: number; readonly most: number };

/**
 * A regular expression as identities need it: literals, `.`, classes, `\d \w \s`, groups, `|` and repetition, anchored at
 * both ends. Our own, because the texts come from strangers' certificates and the engine's expressions may take a time
 * exponential in them; what would need it to (references, look-around) is not in the language.
 *
 * @throws {SyntaxError} saying what is not understood
 */
export function readIdentityPattern(text: string): IdentityPattern {
  return matcherOf(new PatternReader(text.replace(/^\^/, "").replace(/(?<!\\)\$$/, "")).read());
}

class PatternReader {
  readonly #chars: readonly string[];
  #at = 0;
  #depth = 0;

  constructor(text: string) {
    this.#chars = [...text];
  }

  read(): Node {
    const node = this.#choice();
    if (this.#at < this.#chars.length) throw unknown(this.#chars[this.#at]);
    return node;
  }

  #choice(): Node {
    const parts = [this.#sequence()];
    while (this.#take("|")) parts.push(this.#sequence());
    return { kind: "choice", parts };
  }

  #sequence(): Node {
    const parts: Node[] = [];
    while (this.#at < this.#chars.length && !["|", ")"].includes(this.#chars[this.#at] as string))
      parts.push(this.#repeated(this.#single()));
    return { kind: "sequence", parts };
  }

  #repeated(part: Node): Node {
    const [least, most] = this.#bounds() ?? [1, 1];
    if (least === 1 && most === 1) return part;
    this.#take("?"); // a lazy repetition matches the same texts
    if (this.#bounds() !== undefined) throw new SyntaxError("a repetition of a repetition");
    return { kind: "repeat", part, least, most };
  }

  #bounds(): [least: number, most: number] | undefined {
    if (this.#take("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#take("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#take("?")) return [0, 1];
    if (this.#chars[this.#at] !== "{") return undefined;
    const rest = this.#chars.slice(this.#at, this.#at + 12).join("");
    const [whole = "", least = "", comma, most = ""] = /^\{(\d{1,4})(,?)(\d{0,4})\}/.exec(rest) ?? [];
    if (whole === "") throw unknown("{");
    this.#at += whole.length;
    const last = comma === "" ? Number(least) : most === "" ? Number.POSITIVE_INFINITY : Number(most);
    if (last < Number(least)) throw new SyntaxError(`a repetition from ${least} to ${last}`);
    return [Number(least), last];
  }

  #single(): Node {
    const char = this.#chars[this.#at++] as string;
    if (char === "(") return this.#group();
    if (char === "[") return one(this.#class());
    if (char === "\\") return one(this.#escape());
    if (char === ".") return one((code) => code !== 10 && code !== 13);
    if ("*+?{}]^$".includes(char)) throw unknown(char);
    return one(exactly(char));
  }

  #group(): Node {
    if (++this.#depth > PATTERN_DEPTH_LIMIT) throw new SyntaxError("too many groups within groups");
    if (this.#take("?") && !this.#take(":")) throw unknown("(?");
    const node = this.#choice();
    if (!this.#take(")")) throw new SyntaxError("a group that is not closed");
    this.#depth--;
    return node;
  }

  #class(): Accepts {
    const not = this.#take("^");
    const members: Accepts[] = [];
    while (!this.#take("]")) members.push(this.#member());
    return (code) => members.some((accepts) => accepts(code)) !== not;
  }

  #member(): Accepts {
    const first = this.#chars[this.#at++];
    if (first === undefined) throw new SyntaxError("a class that is not closed");
    if (first === "\\") return this.#escape();
    const last = this.#chars[this.#at + 1];
    if (this.#chars[this.#at] !== "-" || last === undefined || last === "]" || last === "\\") return exactly(first);
    this.#at += 2;
    const [from, to] = [codeOf(first), codeOf(last)];
    if (from > to) throw new SyntaxError(`a range from ${first} to ${last}`);
    return (code) => code >= from && code <= to;
  }

  #escape(): Accepts {
    const char = this.#chars[this.#at++] ?? "";
    const known = CLASSES[char];
    if (known !== undefined) return known;
    if (/^[\p{P}\p{S}]$/u.test(char)) return exactly(char);
    throw unknown(`\\${char}`);
  }

  #take(char: string): boolean {
    if (this.#chars[this.#at] !== char) return false;
    this.#at++;
    return true;
  }
}

const digit: Accepts = (code) => code >= 48 && code <= 57;
const word: Accepts = (code) => digit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95;
const space: Accepts = (code) => code === 32 || (code >= 9 && code <= 13);
const CLASSES: Readonly<Record<string, Accepts>> = {
  d: digit,
  D: (code) => !digit(code),
  w: word,
  W: (code) => !word(code),
  s: space,
  S: (code) => !space(code),
};

/** A state takes one character and goes on, or goes on at once to several. */
interface State {
  accepts?: Accepts;
  readonly next: number[];
}

/** Thompson's construction, followed on all ways at once. @see K. Thompson, "Regular expression search algorithm", 1968 */
function matcherOf(node: Node): IdentityPattern {
  const states: State[] = [];
  const add = (state: State) => {
    if (states.length >= PATTERN_STATES_LIMIT) throw new SyntaxError("a pattern that repeats too much");
    return states.push(state) - 1;
  };
  const end = add({ next: [] });
  const start = build(node, end, states, add);
  return { test: (text) => run(states, start, end, text) };
}

/** @returns the state that begins the node; it ends in `then` */
function build(node: Node, then: number, states: State[], add: (state: State) => number): number {
  if (node.kind === "one") return add({ accepts: node.accepts, next: [then] });
  if (node.kind === "choice") return add({ next: node.parts.map((part) => build(part, then, states, add)) });
  if (node.kind === "sequence") return node.parts.reduceRight((next, part) => build(part, next, states, add), then);
  const { part, least, most } = node;
  let next = then;
  if (most === Number.POSITIVE_INFINITY) {
    next = add({ next: [then] });
    states[next]?.next.push(build(part, next, states, add));
  } else for (let more = most; more > least; more--) next = add({ next: [then, build(part, next, states, add)] });
  for (let count = 0; count < least; count++) next = build(part, next, states, add);
  return next;
}

function run(states: readonly State[], start: number, end: number, text: string): boolean {
  let here = reach(states, [start]);
  for (const char of text) {
    const code = codeOf(char);
    here = reach(
      states,
      [...here].flatMap((at) => (states[at]?.accepts?.(code) === true ? (states[at]?.next ?? []) : [])),
    );
    if (here.size === 0) return false;
  }
  return here.has(end);
}

/** These states and all that they go on to at once. */
function reach(states: readonly State[], from: readonly number[]): Set<number> {
  const seen = new Set<number>();
  const open = [...from];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    const state = states[at];
    if (state !== undefined && state.accepts === undefined) open.push(...state.next);
  }
  return seen;
}

function one(accepts: Accepts): Node {
  return { kind: "one", accepts };
}

function exactly(char: string): Accepts {
  const wanted = codeOf(char);
  return (code) => code === wanted;
}

function codeOf(char: string): number {
  return char.codePointAt(0) ?? 0;
}

function unknown(what: string | undefined): SyntaxError {
  return new SyntaxError(`${what ?? "its end"} is not understood in a pattern of identities`);
}
