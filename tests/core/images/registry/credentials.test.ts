import { describe, expect, it } from "@jest/globals";
import { CREDENTIALS_LIMIT_BYTES, CREDENTIALS_PER_FILE } from "../../../../core/images/limits.ts";
import { parseReference } from "../../../../core/images/reference.ts";
import { credentialId } from "../../../../core/images/registry/credentials/credential.ts";
import { parseDockerConfig, parseDockercfg } from "../../../../core/images/registry/credentials/docker-config.ts";
import { createKeyring, joinKeyrings } from "../../../../core/images/registry/credentials/keyring.ts";
import { keyringOfSecrets, parsePullSecret } from "../../../../core/images/registry/credentials/pull-secret.ts";

const auth = (text: string) => Buffer.from(text).toString("base64");
const json = (auths: Readonly<Record<string, object>>, more: object = {}) => JSON.stringify({ auths, ...more });

/** Who would be shown to the registry of this image. */
function user(config: string, image: string): string | undefined {
  const found = createKeyring(parseDockerConfig(config, "config.json")).find(parseReference(image));
  return found?.kind === "basic" ? found.username : found?.kind;
}

const ROBOTS = json({
  "ghcr.io": { auth: auth("whole:1") },
  "ghcr.io/acme": { auth: auth("acme:2") },
  "ghcr.io/acme/secret": { auth: auth("secret:3") },
  "https://index.docker.io/v1/": { auth: auth("hub:4") },
  "registry.example:5000": { username: "plain", password: "5" },
  "*.azurecr.io": { auth: auth("azure:6") },
  "exact.azurecr.io": { auth: auth("exact:7") },
});

describe("a credential is shown", () => {
  it.each([
    ["ghcr.io/other/web", "whole"],
    ["ghcr.io/acme/web", "acme"],
    ["ghcr.io/acme/secret/deep/web", "secret"],
    ["nginx", "hub"],
    ["docker.io/acme/web", "hub"],
    ["index.docker.io/acme/web", "hub"],
    ["registry.example:5000/web", "plain"],
    ["one.azurecr.io/web", "azure"],
    ["exact.azurecr.io/web", "exact"],
  ])("to %s: %s", (image, expected) => expect(user(ROBOTS, image)).toBe(expected));
});

describe("a credential is not shown", () => {
  it.each([
    ["to a host that ends in its own", "evil-ghcr.io/acme/web"],
    ["to a host that begins with its own", "ghcr.io.evil.example/acme/web"],
    ["to its host on another port", "ghcr.io:8443/acme/web"],
    ["to a host without the port it is for", "registry.example/web"],
    ["to more labels than the star stands for", "a.b.azurecr.io/web"],
    ["to fewer labels", "azurecr.io/web"],
    ["to nobody in particular", "quay.io/acme/web"],
  ])("%s", (_what, image) => expect(user(ROBOTS, image)).toBeUndefined());

  it("to another port, for all that its last label ends in a star", () => {
    const stars = json({ "registry.*": { auth: auth("star:1") }, "*": { auth: auth("name:2") } });
    expect(["registry.io/web", "localhost/web"].map((image) => user(stars, image))).toEqual(["star", "name"]);
    expect(["registry.io:9999/web", "localhost:5000/web"].map((image) => user(stars, image))).toEqual([
      undefined,
      undefined,
    ]);
  });

  it("to a path that begins with its own, but not at a slash", () =>
    expect(user(json({ "ghcr.io/acme": { auth: auth("acme:2") } }), "ghcr.io/acme-evil/web")).toBeUndefined());
});

describe("a docker configuration holds", () => {
  const only = (one: object, more?: object) => parseDockerConfig(json({ "ghcr.io": one }, more), "config.json");

  it("a password with colons in it", () =>
    expect(only({ auth: auth("robot:a:b:c") })).toMatchObject([
      { credential: { username: "robot", password: "a:b:c" } },
    ]));
  it("an identity token, which wins over the password", () =>
    expect(only({ auth: auth("u:p"), identitytoken: "refresh" })).toMatchObject([
      { credential: { kind: "identity", token: "refresh" } },
    ]));
  it("a registry token", () =>
    expect(only({ registrytoken: "abc" })).toMatchObject([{ credential: { kind: "bearer", token: "abc" } }]));
  it.each(["to\nken", "to ken", "t\u043eken"])("no registry token that a header cannot hold: %j", (registrytoken) =>
    expect(() => only({ registrytoken })).toThrow('config.json: ghcr.io: its "registrytoken" is not a token'),
  );
  it("nothing for a server whose credential is elsewhere", () => expect(only({})).toEqual([]));
  it("a helper for one registry, as an entry that says so", () =>
    expect(parseDockerConfig(JSON.stringify({ credHelpers: { "gcr.io": "gcloud" } }), "f")).toMatchObject([
      { host: "gcr.io", credential: { kind: "helper", program: "gcloud" } },
    ]));
  it("a store for those whose credential is not in it", () =>
    expect(only({}, { credsStore: "desktop" })).toMatchObject([
      { credential: { kind: "helper", program: "desktop" } },
    ]));
});

describe("a docker configuration is refused", () => {
  const many = Object.fromEntries(
    Array.from({ length: CREDENTIALS_PER_FILE + 1 }, (_, n) => [`r${n}.io`, { auth: auth("u:p") }]),
  );
  it.each([
    ["that is no JSON", "{hunter2"],
    ["of another shape", '{"auths":[]}'],
    ["with an auth that is no user and password", json({ "ghcr.io": { auth: auth("hunter2") } })],
    ["that names no registry", json({ "ht!tp": { auth: auth("u:hunter2") } })],
    ["with a helper that is a path", JSON.stringify({ credHelpers: { "gcr.io": "../../bin/hunter2" } })],
    ["with more registries than are read", json(many)],
    ["larger than a Secret can be", `{"x":"${"hunter2".repeat(CREDENTIALS_LIMIT_BYTES / 7)}"}`],
  ])("%s, and nothing of it is quoted", (_what, text) => {
    const error = (() => {
      try {
        return parseDockerConfig(text, "config.json");
      } catch (thrown) {
        return thrown as Error;
      }
    })();
    expect(error).toMatchObject({ code: "CREDENTIALS_INVALID", message: expect.stringMatching(/^config\.json/) });
    expect(JSON.stringify(error)).not.toContain("hunter2");
  });
});

describe("a pull secret", () => {
  const secret = (type: string, data: Readonly<Record<string, string>>) => ({
    metadata: { namespace: "shop", name: "pull" },
    type,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, auth(value)])),
  });

  it("of the new form is read", () => {
    const keyring = keyringOfSecrets([secret("kubernetes.io/dockerconfigjson", { ".dockerconfigjson": ROBOTS })]);
    expect(keyring.find(parseReference("ghcr.io/acme/web"))).toMatchObject({ username: "acme" });
  });

  it("of the old form is read", () => {
    const old = JSON.stringify({ "https://ghcr.io": { username: "old", password: "p", email: "x@y" } });
    const entries = parsePullSecret(secret("kubernetes.io/dockercfg", { ".dockercfg": old }));
    expect(entries).toMatchObject([{ host: "ghcr.io", credential: { username: "old" } }]);
    expect(parseDockercfg(old, "x")).toEqual(entries);
  });

  it("chooses no program that runs here", () => {
    const text = JSON.stringify({ credHelpers: { "ghcr.io": "anything" } });
    expect(parsePullSecret(secret("kubernetes.io/dockerconfigjson", { ".dockerconfigjson": text }))).toEqual([]);
  });

  it.each([
    ["of another type", secret("Opaque", { ".dockerconfigjson": ROBOTS }), "not a pull secret"],
    ["without its key", secret("kubernetes.io/dockerconfigjson", {}), "has no .dockerconfigjson"],
    ["that is no JSON", secret("kubernetes.io/dockercfg", { ".dockercfg": "{" }), "is not JSON"],
  ])("%s is refused by name", (_what, one, why) => {
    expect(() => parsePullSecret(one)).toThrow(expect.objectContaining({ code: "CREDENTIALS_INVALID" }));
    expect(() => parsePullSecret(one)).toThrow(`secret shop/pull`);
    expect(() => parsePullSecret(one)).toThrow(why);
  });
});

describe("several keyrings", () => {
  const of = (username: string, server: string) =>
    createKeyring(parseDockerConfig(json({ [server]: { username, password: "p" } }), "x"));
  it("are asked in order, the first that knows wins", () => {
    const joined = joinKeyrings([of("first", "ghcr.io"), of("second", "ghcr.io/acme"), of("third", "quay.io")]);
    expect(joined.find(parseReference("ghcr.io/acme/web"))).toMatchObject({ username: "first" });
    expect(joined.find(parseReference("quay.io/acme/web"))).toMatchObject({ username: "third" });
  });
});

it("a credential is named in a cache's key without being there", () => {
  const basic = { kind: "basic", username: "robot", password: "hunter2" } as const;
  expect(credentialId(basic)).not.toMatch(/robot|hunter2/);
  expect(credentialId(basic)).not.toBe(credentialId({ ...basic, password: "hunter3" }));
  expect(credentialId(undefined)).toBe("anonymous");
});
