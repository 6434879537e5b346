import { invalid, parseDockerConfig, parseDockercfg } from "./docker-config.ts";
import { createKeyring, type Keyring, type KeyringEntry } from "./keyring.ts";

/** A Kubernetes Secret as far as it is read here. */
export interface Secret {
  readonly metadata?: { readonly namespace?: string; readonly name?: string };
  readonly type?: string;
  /** base64 by key. */
  readonly data?: Readonly<Record<string, string>>;
}

/** @see https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets */
const FORMS: Readonly<Record<string, readonly [key: string, parse: typeof parseDockerConfig]>> = {
  "kubernetes.io/dockerconfigjson": [".dockerconfigjson", parseDockerConfig],
  "kubernetes.io/dockercfg": [".dockercfg", parseDockercfg],
};

/**
 * The credentials of a pull secret. Pure, and like the kubelet it leaves out helpers: a secret's author does not choose
 * programs that run here.
 *
 * @throws {CodedError} CREDENTIALS_INVALID naming the secret, never its content
 */
export function parsePullSecret({ metadata, type = "", data }: Secret): readonly KeyringEntry[] {
  const where = `secret ${metadata?.namespace ?? "?"}/${metadata?.name ?? "?"}`;
  const form = FORMS[type];
  if (form === undefined) throw invalid(where, `is of type ${JSON.stringify(type)}, not a pull secret`);
  const [key, parse] = form;
  const encoded = data?.[key];
  if (encoded === undefined) throw invalid(where, `has no ${key}`);
  const entries = parse(Buffer.from(encoded, "base64").toString("utf8"), where);
  return entries.filter(({ credential }) => credential.kind !== "helper");
}

/** One keyring of a pod's pull secrets, in their order. @throws {CodedError} CREDENTIALS_INVALID */
export function keyringOfSecrets(secrets: readonly Secret[]): Keyring {
  return createKeyring(secrets.flatMap(parsePullSecret));
}
