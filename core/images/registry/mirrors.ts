import { asError, CodedError, messageOf } from "../../base/errors.ts";
import { isDigest } from "../digest.ts";
import { MIRROR_DEADLINE_MS, ORIGIN_PATIENCE_MS } from "../limits.ts";
import type { Manifest } from "../manifest.ts";
import { formatRepository, type Repository } from "../reference.ts";
import { failure } from "./answer.ts";
import type { RegistryHosts } from "./hosts.ts";
import type { TagHistory } from "./tag-history.ts";

/** Asks one repository; `undefined` when it is not there. */
type Look<T> = (repository: Repository, signal: AbortSignal) => Promise<T | undefined>;

export interface MirrorParts {
  readonly hosts: RegistryHosts;
  /** Without one, no mirror is believed for a tag. */
  readonly history?: TagHistory;
}

/** What the registry itself could not say, because it is down; a 404 and a 401 are answers. */
const DOWN: readonly string[] = [
  "REGISTRY_UNREACHABLE",
  "REGISTRY_TIMEOUT",
  "REGISTRY_UNAVAILABLE",
  "REGISTRY_CIRCUIT_OPEN",
];

/**
 * An image's manifest by digest: from the first mirror that has these very bytes, from the registry after them. Nobody
 * needs to be trusted for that, because the look-up hashes what it receives.
 */
export async function manifestByDigest(
  repository: Repository,
  look: Look<Manifest>,
  { hosts }: MirrorParts,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  for (const mirror of hosts.mirrorsOf(repository)) {
    const found = await tried(mirror, look, signal);
    if (found.kind === "found") return { ...found.value, mirror };
  }
  return look(repository, signal);
}

/**
 * An image's manifest by tag: what the registry says. Only while it is down, and only where the operator allowed it, a
 * mirror's answer for a digest that the registry itself gave for this tag before.
 *
 * @throws {CodedError} REGISTRY_TAG_UNSEEN, and the registry's own failure when no mirror helps
 */
export async function manifestByTag(
  repository: Repository,
  tag: string,
  look: Look<Manifest>,
  parts: MirrorParts,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const { hosts, history } = parts;
  const name = formatRepository(repository);
  const fallible = hosts.settings(repository.registry).tagsFromMirrors === true && history !== undefined;
  try {
    const found = await look(repository, fallible ? patient(signal, ORIGIN_PATIENCE_MS) : signal);
    if (found !== undefined) remember(history, name, tag, found);
    return found;
  } catch (down) {
    if (!fallible || !isDown(down)) throw down;
    return knownFromMirror(repository, { tag, down, look, history }, parts, signal);
  }
}

interface Outage {
  readonly tag: string;
  readonly down: unknown;
  readonly look: Look<Manifest>;
  readonly history: TagHistory;
}

async function knownFromMirror(
  repository: Repository,
  { tag, down, look, history }: Outage,
  { hosts }: MirrorParts,
  signal: AbortSignal,
): Promise<Manifest> {
  const name = formatRepository(repository);
  const unseen: string[] = [];
  for (const mirror of hosts.mirrorsOf(repository)) {
    const found = await tried(mirror, look, signal);
    if (found.kind !== "found") continue;
    if (history.seen(name, tag, found.value.digest)) return { ...found.value, mirror };
    unseen.push(`${mirror.registry} gives ${found.value.digest}`);
  }
  if (unseen.length === 0) throw down;
  const why = `never seen for this tag while ${repository.registry} answered (now: ${messageOf(down).slice(0, 200)})`;
  throw failure("REGISTRY_TAG_UNSEEN", `${name}:${tag}: ${unseen.join(", ")}, ${why}`, down);
}

/** An answer, and why it is a mirror's where the registry itself could not give one. */
export interface Evidence<T> {
  readonly value: T | undefined;
  readonly insteadOf?: Error;
}

/**
 * Evidence: from the registry, and while it is down or overrun from the first mirror that answers. A mirror can leave
 * evidence out but not make any: signatures are checked, and what it does not have may be there all the same.
 */
export async function evidenceFrom<T>(
  repository: Repository,
  look: Look<T>,
  { hosts }: MirrorParts,
  signal: AbortSignal,
): Promise<Evidence<T>> {
  try {
    return { value: await look(repository, signal) };
  } catch (down) {
    if (!isDown(down) && !isCoded(down, "REGISTRY_RATE_LIMITED")) throw down;
    for (const mirror of hosts.mirrorsOf(repository)) {
      const found = await tried(mirror, look, signal);
      if (found.kind === "found") return { value: found.value, insteadOf: asError(down) };
    }
    throw down; // "not there" at a mirror says nothing about the registry
  }
}

type Tried<T> = { readonly kind: "found"; readonly value: T } | { readonly kind: "nothing" };

/** A mirror's failure is not the registry's: the next one is asked. */
async function tried<T>(mirror: Repository, look: Look<T>, signal: AbortSignal): Promise<Tried<T>> {
  try {
    const value = await look(mirror, patient(signal, MIRROR_DEADLINE_MS));
    return value === undefined ? { kind: "nothing" } : { kind: "found", value };
  } catch {
    return { kind: "nothing" };
  }
}

/** What cannot be remembered is no reason to refuse what was resolved: it only helps less in the next outage. */
function remember(history: TagHistory | undefined, name: string, tag: string, { digest }: Manifest): void {
  if (isDigest(tag)) return;
  try {
    history?.record(name, tag, digest);
  } catch {
    // the file is opened at start, where a failure is told
  }
}

function patient(signal: AbortSignal, ms: number): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(ms)]);
}

function isDown(thrown: unknown): boolean {
  return thrown instanceof CodedError && DOWN.includes(thrown.code);
}

function isCoded(thrown: unknown, code: string): boolean {
  return thrown instanceof CodedError && thrown.code === code;
}
