import { IN_TOTO } from "../../../core/images/media-types.ts";
import { preAuthEncoding, writeEnvelope } from "../../../core/wire/dsse.ts";
import type { Signer } from "./signer.ts";

/** @see https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md */
export interface Statement {
  readonly _type: "https://in-toto.io/Statement/v1" | "https://in-toto.io/Statement/v0.1";
  readonly subject: readonly { readonly name?: string; readonly digest: Readonly<Record<string, string>> }[];
  readonly predicateType: string;
  readonly predicate: unknown;
}

/** @param digest  "sha256:…" */
export function statementAbout(digest: string, predicateType: string, predicate: unknown): Statement {
  const subject = [{ digest: { sha256: digest.slice("sha256:".length) } }];
  return { _type: "https://in-toto.io/Statement/v1", subject, predicateType, predicate };
}

/** A DSSE envelope over the statement, as JSON value. */
export function signStatement(statement: Statement, signer: Signer): object {
  const payload = new TextEncoder().encode(JSON.stringify(statement));
  const signature = signer.sign(preAuthEncoding(IN_TOTO, payload), true);
  return writeEnvelope({ payloadType: IN_TOTO, payload, signatures: [signature] });
}
