/** What a 401 asks for. @see RFC 9110 section 11.6.1; distribution docs, "Token Authentication" */
export type Challenge = { readonly scheme: "basic" } | BearerChallenge;

export interface BearerChallenge {
  readonly scheme: "bearer";
  /** Where tokens are. A hostile registry may name any address here. */
  readonly realm: string;
  readonly service?: string;
}

/** The first challenge we can answer, of a possibly combined header; parameters in any order, quoted or not. */
export function parseChallenge(header: string): Challenge | undefined {
  const [, scheme = "", rest = ""] = /^\s*(basic|bearer)\b(.{0,2000})/i.exec(header) ?? [];
  if (scheme.toLowerCase() === "basic") return { scheme: "basic" };
  const parameters = new Map<string, string>();
  for (const [, name = "", quoted, bare] of rest.matchAll(/([a-z]+)=(?:"([^"]*)"|([^\s,"]+))/gi)) {
    parameters.set(name.toLowerCase(), quoted ?? bare ?? "");
  }
  const realm = parameters.get("realm");
  const service = parameters.get("service");
  if (realm === undefined) return undefined;
  return { scheme: "bearer", realm, ...(service === undefined ? {} : { service }) };
}
