import { CodedError } from "../base/errors.ts";
import type { Digest } from "../policy/evidence.ts";
import { isDigest } from "./digest.ts";
import { IMAGES_ERRORS } from "./errors.ts";

/** One repository of one registry, normalised: what a client asks and a policy's glob is matched against. */
export interface Repository {
  /** Host and port, lower case: "docker.io", "127.0.0.4:5000", "[::1]:5000". */
  readonly registry: string;
  /** "library/nginx" */
  readonly repository: string;
}

/** An image reference, normalised. At least one of tag and digest is there; the digest wins when both are. */
export interface ImageReference extends Repository {
  /** As written in the object. */
  readonly text: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

/** Longest reference read, in characters: host 255, repository 255, tag 128, digest 71 and separators fit. */
export const REFERENCE_LIMIT_CHARS = 768;
/** Longest repository name with its host, in characters. @see distribution reference.go, RepositoryNameTotalLengthMax */
export const NAME_LIMIT_CHARS = 255;
/** The tag that a reference without tag and digest means. */
const DEFAULT_TAG = "latest";
const DOCKER_HUB = "docker.io";

// The grammar of github.com/distribution/reference, regexp.go, anchored; ASCII only because no class here is Unicode.
const HOST_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
const HOST = new RegExp(`^(?:${HOST_LABEL}(?:\\.${HOST_LABEL})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`);
const PATH_SEGMENT = /^[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/;
const BARE_IDENTIFIER = /^[a-f0-9]{64}$/;

/**
 * Reads an image reference by the distribution grammar, with Docker's normalisation: "nginx" is
 * docker.io/library/nginx:latest.
 *
 * @throws {CodedError} REF_INVALID naming the part that is wrong
 * @see https://github.com/distribution/reference
 */
export function parseReference(text: string): ImageReference {
  if (text.length === 0) throw invalid(text, "it is empty");
  if (text.length > REFERENCE_LIMIT_CHARS) throw invalid(text, `it is longer than ${REFERENCE_LIMIT_CHARS} characters`);
  const { name, digest } = splitDigest(text);
  const { path, tag } = splitTag(name, text);
  const { registry, repository } = splitHost(path, text);
  if (registry.length + 1 + repository.length > NAME_LIMIT_CHARS) {
    throw invalid(text, `its name is longer than ${NAME_LIMIT_CHARS} characters`);
  }
  const named = tag ?? (digest === undefined ? DEFAULT_TAG : undefined);
  return {
    text,
    registry,
    repository,
    ...(named === undefined ? {} : { tag: named }),
    ...(digest === undefined ? {} : { digest }),
  };
}

/** host/repository, normalised. */
export function formatRepository({ registry, repository }: Repository): string {
  return `${registry}/${repository}`;
}

/** host/repository[:tag][@digest], normalised: parsing it again gives the same parts. */
export function formatReference(reference: Omit<ImageReference, "text">): string {
  const tag = reference.tag === undefined ? "" : `:${reference.tag}`;
  const digest = reference.digest === undefined ? "" : `@${reference.digest}`;
  return `${formatRepository(reference)}${tag}${digest}`;
}

/** The reference as written, held to one digest: "nginx:1.29" becomes "nginx:1.29@sha256:…". */
export function pinReference(reference: ImageReference, digest: Digest): string {
  const at = reference.text.indexOf("@");
  return `${at === -1 ? reference.text : reference.text.slice(0, at)}@${digest}`;
}

function splitDigest(text: string): { name: string; digest?: Digest } {
  const at = text.indexOf("@");
  if (at === -1) return { name: text };
  const digest = text.slice(at + 1);
  if (!isDigest(digest)) throw invalid(text, "its digest is not sha256: and 64 lower-case hex digits");
  return { name: text.slice(0, at), digest };
}

function splitTag(name: string, text: string): { path: string; tag?: string } {
  const colon = name.indexOf(":", name.lastIndexOf("/") + 1);
  if (colon === -1) return { path: name };
  const tag = name.slice(colon + 1);
  if (!TAG.test(tag)) throw invalid(text, "its tag is not 1 to 128 of A-Z a-z 0-9 _ . - starting with none of . -");
  return { path: name.slice(0, colon), tag };
}

function splitHost(path: string, text: string): Repository {
  const slash = path.indexOf("/");
  const first = slash === -1 ? "" : path.slice(0, slash);
  const hasHost = first === "localhost" || /[.:A-Z]/.test(first);
  const rest = hasHost ? path.slice(slash + 1) : path;
  if (hasHost && !validHost(first)) throw invalid(text, "its host is not a name or address with an optional port");
  if (!hasHost && BARE_IDENTIFIER.test(path)) throw invalid(text, "64 hex digits are an image id, not a name");
  const wrong = rest.split("/").find((segment) => !PATH_SEGMENT.test(segment));
  if (wrong !== undefined) throw invalid(text, `"${wrong.slice(0, 40)}" is not a path segment of a-z 0-9 . _ -`);
  return normalise(hasHost ? first.toLowerCase() : DOCKER_HUB, rest);
}

function validHost(host: string): boolean {
  const port = /:(\d+)$/.exec(host)?.[1];
  return HOST.test(host) && (port === undefined || Number(port) <= 65_535);
}

function normalise(registry: string, repository: string): Repository {
  const hub = registry === DOCKER_HUB || registry === "index.docker.io";
  if (!hub) return { registry, repository };
  return { registry: DOCKER_HUB, repository: repository.includes("/") ? repository : `library/${repository}` };
}

function invalid(text: string, why: string): CodedError {
  const shown = JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  return new CodedError("REF_INVALID", `image reference ${shown}: ${why}`, IMAGES_ERRORS.REF_INVALID.fix);
}
