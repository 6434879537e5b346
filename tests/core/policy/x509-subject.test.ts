import { describe, expect, it } from "@jest/globals";
import { authoritySchema } from "../../../core/policy/images/schema/authority.ts";
import { isPartOf, readX509Subject } from "../../../core/policy/images/schema/x509-subject.ts";

const ACME = "x509.subject: C=US, ST=WA, O=Acme";

describe("an x509.subject identity", () => {
  const read: [identity: string, attributes: Record<string, string>][] = [
    [ACME, { C: "US", ST: "WA", O: "Acme" }],
    ["x509.subject:C=US,S=WA,O=Acme,CN=build", { C: "US", ST: "WA", O: "Acme", CN: "build" }],
    [`${ACME}; OU=a=b`, { C: "US", ST: "WA", O: "Acme", OU: "a=b" }],
    [`${ACME}, CN=Acme\\, Inc.`, { C: "US", ST: "WA", O: "Acme", CN: "Acme, Inc." }],
    [`${ACME}, CN=\\ two spaces\\  `, { C: "US", ST: "WA", O: "Acme", CN: " two spaces " }],
    [`${ACME}, CN=back\\\\`, { C: "US", ST: "WA", O: "Acme", CN: "back\\" }],
    [`${ACME}, CN=caf\\C3\\A9`, { C: "US", ST: "WA", O: "Acme", CN: "café" }],
    [`${ACME}, CN=50%41 café`, { C: "US", ST: "WA", O: "Acme", CN: "50%41 café" }],
  ];
  it.each(read)("%s is read", (identity, attributes) => {
    expect(Object.fromEntries(readX509Subject(identity))).toEqual(attributes);
  });

  const refused: [identity: string, why: RegExp][] = [
    ["x509.issuer: C=US, ST=WA, O=Acme", /expected "x509.subject: /],
    ["x509.subject: ", /x509|no C/],
    ["x509.subject: C=US, O=Acme, CN=build", /no ST/],
    ["x509.subject: C=US, ST=WA, CN=build", /no O/],
    [`${ACME}, O=Evil`, /O twice/],
    [`${ACME}, ST=WA, S=WA`, /ST twice/],
    [`${ACME}, cn=build`, /expected one of .*, found cn/],
    [`${ACME}, 2.5.4.3=build`, /expected one of .*, found 2.5.4.3/],
    [`${ACME}, CN=`, /CN without a value/],
    [`${ACME}, CN=#0c0161`, /hexadecimal/],
    [`${ACME}, CN=a\\`, /expected TYPE=value/],
    [`${ACME}, CN=a\\q`, /escapes nothing/],
    [`${ACME}, CN=\\FF`, /not UTF-8/],
    [`${ACME}, CN=a+OU=b`, /expected TYPE=value/],
    [`${ACME}, build`, /expected TYPE=value/],
  ];
  it.each(refused)("%s is refused, saying why", (identity, why) => {
    const notary = { trustRoot: "acme", identities: [identity] };
    const result = authoritySchema.safeParse({ name: "release", role: "release", notary });
    expect(result.error?.issues[0]?.message).toMatch(why);
  });

  it("is part of a subject that has all of it, each value exactly", () => {
    const subject = readX509Subject(`${ACME}, CN=build`);
    expect(isPartOf(readX509Subject(ACME), subject)).toBe(true);
    expect(isPartOf(readX509Subject(`${ACME}, CN=Build`), subject)).toBe(false);
    expect(isPartOf(subject, readX509Subject(ACME))).toBe(false);
  });
});

describe("identities beside each other", () => {
  const problems: [given: string, identities: string[], why: RegExp | undefined][] = [
    ["everybody alone", ["*"], undefined],
    ["two of which no certificate is both", [`${ACME}, CN=a`, `${ACME}, CN=b`], undefined],
    ["everybody and one more", ["*", ACME], /expected it alone/],
    ["one that is part of another", [ACME, `${ACME}, CN=a`], /no certificate is two/],
    ["the same twice", [ACME, "x509.subject: O=Acme, ST=WA, C=US"], /no certificate is two/],
  ];
  it.each(problems)("%s", (_, identities, why) => {
    const notary = { trustRoot: "acme", identities };
    const result = authoritySchema.safeParse({ name: "release", role: "release", notary });
    if (why === undefined) expect(result.success).toBe(true);
    else expect(result.error?.issues[0]?.message).toMatch(why);
  });
});
