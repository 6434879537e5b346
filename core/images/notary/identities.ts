import { ANY_IDENTITY, isPartOf, readX509Subject, type X509Subject } from "../../policy/images/schema/x509-subject.ts";
import { quoted, refuse } from "./refusal.ts";
import type { Certificate } from "./x509/certificate.ts";

/** Subjects of signing certificates that an authority trusts; `any` is every one that the store vouches for. */
export type Identities = "any" | readonly X509Subject[];

/** @throws {SyntaxError} for an identity that cannot be read */
export function readIdentities(identities: readonly string[]): Identities {
  return identities.includes(ANY_IDENTITY) ? "any" : identities.map(readX509Subject);
}

/**
 * Compares the signing certificate's subject as notation does: some identity's attributes must all be in it. A subject
 * that cannot be compared for sure (an attribute twice, of an unknown type or encoding) matches none.
 *
 * @throws {Refused}
 */
export function judgeIdentity(leaf: Certificate, identities: Identities): void {
  if (identities === "any") return;
  const subject = comparable(leaf);
  if (identities.some((identity) => isPartOf(identity, subject))) return;
  refuse("a signer that it does not name", `one by ${identities.map(describe).join(" or ")}`);
}

function comparable({ subject, subjectText }: Certificate): X509Subject {
  const read = new Map<string, string>();
  for (const { type, value } of subject) {
    if (value === undefined || value === "" || type.includes("."))
      return refuse(
        `a subject ${quoted(subjectText)} with a ${type} that is not compared`,
        "plain text in known attributes",
      );
    if (read.has(type)) return refuse(`a subject ${quoted(subjectText)} with ${type} twice`, "each attribute once");
    read.set(type, value);
  }
  const missing = ["C", "ST", "O"].find((type) => !read.has(type));
  return missing === undefined ? read : refuse(`a subject ${quoted(subjectText)} without ${missing}`, "C, ST and O");
}

function describe(identity: X509Subject): string {
  return quoted([...identity].map(([type, value]) => `${type}=${value}`).join(", "));
}
