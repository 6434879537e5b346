import { ascii, FIELD } from "./fields.ts";
import type { HeadScanner } from "./head.ts";
import type { RequestHead, ResponseHead } from "./message.ts";

/** A set of FIELD kinds as bits. */
export type KindSet = number;

export function kindSet(...kinds: readonly number[]): KindSet {
  return kinds.reduce((set, kind) => set | (1 << kind), 0);
}

/** Never forwarded: what speaks of one hop only. @see RFC 9110 section 7.6.1 */
export const HOP_BY_HOP = kindSet(FIELD.connection, FIELD.hop, FIELD.upgrade, FIELD.nominated);

const VERSION = ascii(" HTTP/1.1\r\n");
const STATUS_VERSION = ascii("HTTP/1.1 ");
const SLASH = 0x2f;
const SP = 32;
const CR = 13;
const LF = 10;
/** Most bytes a rewritten head gains besides the added fields. */
const SLACK_BYTES = 32;

/** Bytes to reserve for a rewritten head with `added` bytes of new fields. */
export function rewrittenSize(head: HeadScanner, added: Uint8Array): number {
  return head.length + added.length + SLACK_BYTES;
}

/**
 * The request as it goes upstream: exactly the judged bytes, minus the kinds in `drop`, plus `added`
 * (complete lines, `name: value` CR LF each). Once per request; writes into `out` from 0 and allocates nothing.
 *
 * @returns bytes written
 */
export function writeRequest(
  out: Uint8Array,
  head: HeadScanner,
  request: RequestHead,
  bytes: Uint8Array,
  start: number,
  drop: KindSet,
  added: Uint8Array,
): number {
  let at = copy(out, 0, bytes, start + head.methodStart, start + head.methodEnd);
  out[at++] = SP;
  if (request.pathStart === request.pathEnd) out[at++] = SLASH;
  else at = copy(out, at, bytes, start + request.pathStart, start + request.pathEnd);
  at = copy(out, at, VERSION, 0, VERSION.length);
  return writeFields(out, at, head, bytes, start, drop, added);
}

/** The response as it goes to the client; like `writeRequest`. */
export function writeResponse(
  out: Uint8Array,
  head: HeadScanner,
  response: ResponseHead,
  bytes: Uint8Array,
  start: number,
  drop: KindSet,
  added: Uint8Array,
): number {
  let at = copy(out, 0, STATUS_VERSION, 0, STATUS_VERSION.length);
  out[at++] = 0x30 + Math.floor(response.status / 100);
  out[at++] = 0x30 + (Math.floor(response.status / 10) % 10);
  out[at++] = 0x30 + (response.status % 10);
  out[at++] = SP;
  at = copy(out, at, bytes, start + head.reasonStart, start + head.reasonEnd);
  out[at++] = CR;
  out[at++] = LF;
  return writeFields(out, at, head, bytes, start, drop, added);
}

/** Runs of kept field lines are copied whole, as they came. */
function writeFields(
  out: Uint8Array,
  at: number,
  head: HeadScanner,
  bytes: Uint8Array,
  start: number,
  drop: KindSet,
  added: Uint8Array,
): number {
  let runStart = -1;
  for (let field = 0; field < head.fieldCount; field++) {
    const kept = (drop & (1 << head.kind(field))) === 0;
    if (kept && runStart === -1) runStart = head.nameStart(field);
    if (kept || runStart === -1) continue;
    at = copy(out, at, bytes, start + runStart, start + head.nameStart(field));
    runStart = -1;
  }
  if (runStart !== -1) at = copy(out, at, bytes, start + runStart, start + head.length - 2);
  at = copy(out, at, added, 0, added.length);
  out[at++] = CR;
  out[at++] = LF;
  return at;
}

function copy(out: Uint8Array, at: number, bytes: Uint8Array, from: number, to: number): number {
  out.set(bytes.subarray(from, to), at);
  return at + (to - from);
}
