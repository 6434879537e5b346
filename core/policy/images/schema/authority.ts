import { z } from "zod";
import { messageOf } from "../../../base/errors.ts";
import { SIGNER_ROLES, type SignerRole } from "../../evidence.ts";
import { nameField, publicKeyField } from "./fields.ts";
import { readIdentityPattern } from "./identity-pattern.ts";
import type { NotaryRoot, SigstoreRoot } from "./trust-root.ts";
import { identitiesProblem, identityProblem } from "./x509-subject.ts";

/** Longest identity or pattern of one, in characters, and most Notary identities of one authority. */
export const IDENTITY_LIMIT_CHARS = 1024;
export const IDENTITIES_PER_AUTHORITY = 32;

const identity = z.string().min(1).max(IDENTITY_LIMIT_CHARS);

const pattern = identity.superRefine((text, context) => {
  const problem = patternProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

function patternProblem(text: string): string | undefined {
  try {
    const namesNobody = readIdentityPattern(text).test("");
    return namesNobody ? "expected a pattern that does not match the empty text: it names nobody" : undefined;
  } catch (thrown) {
    return `expected a regular expression: ${messageOf(thrown)}`;
  }
}

const keyless = z
  .strictObject({
    issuer: identity
      .optional()
      .describe("The OpenID Connect issuer, exactly: https://token.actions.githubusercontent.com"),
    issuerPattern: pattern.optional().describe("A regular expression that the whole issuer must match."),
    subject: identity
      .optional()
      .describe("The certificate's subject alternative name, exactly: an e-mail address or a URI."),
    subjectPattern: pattern.optional().describe("A regular expression that the whole subject must match."),
    trustRoot: nameField.describe('"public-good" for sigstore.dev, or the name of a TrustRoot.'),
  })
  .refine((one) => (one.issuer === undefined) !== (one.issuerPattern === undefined), {
    path: ["issuer"],
    message: "expected one of issuer, issuerPattern",
  })
  .refine((one) => (one.subject === undefined) !== (one.subjectPattern === undefined), {
    path: ["subject"],
    message: "expected one of subject, subjectPattern",
  })
  .meta({
    "x-kubernetes-validations": [
      { rule: "has(self.issuer) != has(self.issuerPattern)", message: "expected one of issuer, issuerPattern" },
      { rule: "has(self.subject) != has(self.subjectPattern)", message: "expected one of subject, subjectPattern" },
    ],
  });

/** As much of an identity's grammar as an API server can check. */
const NOTARY_IDENTITY = /^(?:\*|x509\.subject: ?\S.*)$/;

const notaryIdentity = identity
  .regex(NOTARY_IDENTITY, { error: 'expected "x509.subject: C=US, ST=WA, O=Acme, CN=…" or "*"', abort: true })
  .superRefine((text, context) => {
    const problem = identityProblem(text);
    if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
  });

const notary = z.strictObject({
  trustRoot: nameField.describe("The name of a TrustRoot with a notary trust store."),
  identities: z
    .array(notaryIdentity)
    .min(1)
    .max(IDENTITIES_PER_AUTHORITY)
    .superRefine((list, context) => {
      const problem = identitiesProblem(list);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    })
    .describe('Subjects of signing certificates, as in a Notary trust policy; "*" is every one of the store.'),
});

const written = z
  .strictObject({
    name: nameField.describe("How messages and other rules of this policy call it."),
    role: z
      .enum(SIGNER_ROLES)
      .describe(
        "What it may vouch for: release signs images, scanner reports scans, builder attests builds, approver approves.",
      ),
    key: publicKeyField.optional().describe("A PEM public key: ECDSA P-256 or P-384, RSA from 2048 bits, Ed25519."),
    trustRoot: nameField
      .optional()
      .describe(
        "With key: the TrustRoot in whose logs the key's signatures must stand too; without it they need none.",
      ),
    keyless: keyless.optional().describe("An identity that a Sigstore certificate names."),
    notary: notary.optional().describe("Identities that certificates of a Notary trust store name."),
  })
  .meta({
    "x-kubernetes-validations": [
      {
        rule: "[has(self.key), has(self.keyless), has(self.notary)].exists_one(one, one)",
        message: "expected exactly one of key, keyless, notary",
      },
      { rule: "!has(self.trustRoot) || has(self.key)", message: "expected trustRoot beside key alone" },
    ],
  });

/** Who may vouch, and for what. Exactly one of key, keyless and notary says how it is recognised. */
export const authoritySchema = written.transform((given, context): AuthoritySpec => {
  const { name, role, key, trustRoot, keyless, notary } = given;
  const ways: AuthoritySpec[] = [
    ...(key === undefined ? [] : [{ name, role, key, ...(trustRoot === undefined ? {} : { trustRoot }) }]),
    ...(keyless === undefined ? [] : [{ name, role, keyless }]),
    ...(notary === undefined ? [] : [{ name, role, notary }]),
  ];
  const [only] = ways;
  if (only !== undefined && ways.length === 1 && (trustRoot === undefined || key !== undefined)) return only;
  const message =
    ways.length === 1 ? "expected trustRoot beside key alone" : "expected exactly one of key, keyless, notary";
  context.addIssue({ code: "custom", message, input: given });
  return z.NEVER;
});

interface Named {
  /** "acme-release" */
  readonly name: string;
  readonly role: SignerRole;
}

/** An identity of a Sigstore certificate: exactly one of each pair is there. */
export type Keyless = z.output<typeof keyless>;
/** Subjects of certificates of a Notary trust store. */
export type Notary = z.output<typeof notary>;

/** An authority as a policy writes it: trust roots by name. */
export type AuthoritySpec =
  | (Named & { readonly key: string; readonly trustRoot?: string })
  | (Named & { readonly keyless: Keyless })
  | (Named & { readonly notary: Notary });

/** A key of its own, PEM, and the root whose logs must have seen its signatures, where that is wanted. */
export type KeyAuthority = Named & { readonly key: string; readonly root?: SigstoreRoot };
export type KeylessAuthority = Named & { readonly keyless: Keyless & { readonly root: SigstoreRoot } };
export type NotaryAuthority = Named & { readonly notary: Notary & { readonly root: NotaryRoot } };

/**
 * An authority with its trust root in place: plain data that names everything verification depends on, so that its
 * hash changes when any of that does. Which kind it is, is told by `"key" in authority` and so on.
 */
export type Authority = KeyAuthority | KeylessAuthority | NotaryAuthority;
