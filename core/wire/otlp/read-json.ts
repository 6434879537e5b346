import { CodedError, messageOf } from "../../base/errors.ts";
import {
  exactInteger,
  OTLP_DEPTH_LIMIT,
  OTLP_VALUE_LIMIT,
  type RawMessage,
  type RawValue,
  type ReadBudget,
  spend,
  tooLarge,
} from "./read.ts";
import type { Field, Message, ScalarType } from "./schema.ts";

const utf8 = new TextDecoder("utf-8");
/** Every message is an object, and a list around it makes two levels. */
const JSON_DEPTH_LIMIT = OTLP_DEPTH_LIMIT * 2;

/** @throws {CodedError} OTLP_JSON naming the path, OTLP_TOO_LARGE */
export function readJson(bytes: Uint8Array, message: Message): RawMessage {
  checkBounds(bytes);
  return readMessage(parse(bytes), message, "", { left: OTLP_VALUE_LIMIT }, 0);
}

function parse(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(utf8.decode(bytes));
  } catch (cause) {
    throw malformed("", messageOf(cause), cause);
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN: readonly number[] = [0x5b, 0x7b];
const CLOSE: readonly number[] = [0x5d, 0x7d];

/** Per byte, allocates nothing: counts values and depth before JSON.parse builds them. */
function checkBounds(bytes: Uint8Array): void {
  let [depth, values, inString] = [0, 0, false];
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at] as number;
    if (inString) {
      if (byte === BACKSLASH) at++;
      else if (byte === QUOTE) inString = false;
    } else if (byte === QUOTE) inString = true;
    else if (byte === COMMA) values++;
    else if (OPEN.includes(byte)) {
      values++;
      depth++;
      if (depth > JSON_DEPTH_LIMIT) throw tooLarge(`JSON nested deeper than ${JSON_DEPTH_LIMIT}`);
    } else if (CLOSE.includes(byte)) depth--;
    if (values > OTLP_VALUE_LIMIT) throw tooLarge(`more than ${OTLP_VALUE_LIMIT} values`);
  }
}

function readMessage(value: unknown, message: Message, path: string, budget: ReadBudget, depth: number): RawMessage {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(path, `expected an object (${message.name}), found ${shown(value)}`);
  }
  const out: RawMessage = {};
  for (const [name, item] of Object.entries(value)) {
    const field = message.byName.get(name);
    spend(budget, depth);
    if (field === undefined || item === null) continue;
    out[name] = readField(item, field, path === "" ? name : `${path}.${name}`, budget, depth);
  }
  return out;
}

function readField(value: unknown, field: Field, path: string, budget: ReadBudget, depth: number): RawValue {
  if (!field.repeated) return readOne(value, field, path, budget, depth);
  if (!Array.isArray(value)) throw malformed(path, `expected a list, found ${shown(value)}`);
  return value.map((item, index) => {
    spend(budget, depth);
    return readOne(item, field, `${path}[${index}]`, budget, depth);
  });
}

function readOne(value: unknown, field: Field, path: string, budget: ReadBudget, depth: number): RawValue {
  if (typeof field.type !== "string") return readMessage(value, field.type, path, budget, depth + 1);
  const read = SCALAR[field.type](value);
  if (read === undefined) throw malformed(path, `expected ${EXPECTED[field.type]}, found ${shown(value)}`);
  return read;
}

type ReadScalar = (value: unknown) => RawValue | undefined;

/** @see https://protobuf.dev/programming-guides/json/ and OTLP's own rule that ids are hex */
const SCALAR: Readonly<Record<ScalarType, ReadScalar>> = {
  string: (value) => (typeof value === "string" ? value : undefined),
  bytes: base64,
  id: (value) => (typeof value === "string" && /^(?:[0-9a-fA-F]{2})*$/.test(value) ? value.toLowerCase() : undefined),
  bool: (value) => (typeof value === "boolean" ? value : undefined),
  int: (value) => numberWhen(value, Number.isSafeInteger),
  int64: (value) => mapped(integer(value), exactInteger),
  sint32: (value) => numberWhen(value, Number.isSafeInteger),
  fixed64: (value) => mapped(integer(value), (whole) => (whole < 0n ? undefined : whole)),
  count: naturalNumber,
  sfixed64: (value) => mapped(integer(value), Number),
  uint64: naturalNumber,
  double: (value) => numberWhen(value, () => true),
};

const EXPECTED: Readonly<Record<ScalarType, string>> = {
  string: "a string",
  bytes: "base64",
  id: "hex digits",
  bool: "true or false",
  int: "an integer",
  int64: "an integer or its decimal string",
  sint32: "an integer",
  fixed64: "nanoseconds as a decimal string",
  count: "a count",
  sfixed64: "an integer or its decimal string",
  uint64: "a count",
  double: "a number",
};

function integer(value: unknown): bigint | undefined {
  if (typeof value === "number") return Number.isInteger(value) ? BigInt(value) : undefined;
  return typeof value === "string" && /^-?\d{1,20}$/.test(value) ? BigInt(value) : undefined;
}

function naturalNumber(value: unknown): number | undefined {
  const whole = integer(value);
  return whole === undefined || whole < 0n ? undefined : Number(whole);
}

function numberWhen(value: unknown, accept: (number: number) => boolean): number | undefined {
  if (typeof value === "number") return accept(value) ? value : undefined;
  if (typeof value !== "string" || !/^(?:-?\d[\d.eE+-]{0,40}|NaN|-?Infinity)$/.test(value)) return undefined;
  return accept(Number(value)) ? Number(value) : undefined;
}

function mapped<T>(value: bigint | undefined, map: (whole: bigint) => T): T | undefined {
  return value === undefined ? undefined : map(value);
}

function base64(value: unknown): Uint8Array | undefined {
  if (typeof value !== "string") return undefined;
  try {
    return Uint8Array.from(atob(value.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
  } catch {
    return undefined;
  }
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function malformed(path: string, what: string, cause?: unknown): CodedError {
  const where = path === "" ? "OTLP JSON" : `OTLP JSON ${path}`;
  const fix = "send OTLP's JSON form: lowerCamelCase names, integers for enums, hex for ids";
  return new CodedError("OTLP_JSON", `${where}: ${what}`, fix, { cause });
}
