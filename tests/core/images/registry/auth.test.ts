import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { type PushedImage, pushImage } from "../../../../cli/demo/registry/registry.ts";
import { type Fault, jsonReply } from "../../../../cli/demo/registry/reply.ts";
import { TOKENS_KEPT } from "../../../../core/images/limits.ts";
import { parseReference } from "../../../../core/images/reference.ts";
import type { Credential } from "../../../../core/images/registry/credentials/credential.ts";
import { createKeyring } from "../../../../core/images/registry/credentials/keyring.ts";
import type { RegistryHost } from "../../../../core/images/registry/hosts.ts";
import {
  createRegistryClient,
  type RegistryClient,
  type RegistryClientOptions,
} from "../../../../core/images/registry-client.ts";
import {
  demandBasic,
  demandToken,
  type FaultyRegistry,
  FORBIDDEN_REDIRECTS,
  hostileRealm,
  inProcess,
  loop401,
  on,
  redirectTo,
  startFaultyRegistry,
  status,
} from "../../../support/registry-of-faults.ts";

const HOST = "registry.example";
const ELSEWHERE = "elsewhere.example";
let registry: FaultyRegistry;
let elsewhere: FaultyRegistry;
let image: PushedImage;

beforeAll(async () => {
  [registry, elsewhere] = await Promise.all([startFaultyRegistry(), startFaultyRegistry("127.0.0.2")]);
  image = await pushImage(registry, { repository: "shop/web", tag: "1" });
  await pushImage(registry, { repository: "shop/api", tag: "1" });
});
afterEach(() => {
  registry.calm();
  elsewhere.calm();
});
afterAll(() => Promise.all([registry.close(), elsewhere.close()]));

const BASIC: Credential = { kind: "basic", username: "robot", password: "s3cret" };
const keyringOf = (credential: Credential, host = HOST) => createKeyring([{ host, path: [], credential }]);

/** A client of https://registry.example and https://elsewhere.example, none of which it was told about. */
function client(credential?: Credential, more: Partial<RegistryClientOptions> = {}): RegistryClient {
  return createRegistryClient({
    transport: inProcess({ [HOST]: registry, [ELSEWHERE]: elsewhere }),
    requestDeadlineMs: 2000,
    ...(credential === undefined ? {} : { keyring: keyringOf(credential) }),
    ...more,
  });
}
const manifest = (from: RegistryClient, name = "shop/web") =>
  from.manifest(parseReference(`${HOST}/${name}:1`), "1", AbortSignal.timeout(4000));
const coded = (code: string) => expect.objectContaining({ code });
const tokenRequests = () => registry.requests.filter(({ url }) => url.startsWith("/token"));
const REALM = `https://${HOST}/token`;
const sent = () => [...registry.requests, ...elsewhere.requests].map(({ authorization }) => authorization ?? "");

describe("a token", () => {
  it("is got once for look-ups that need it at the same time", async () => {
    registry.inject(demandToken(HOST, "t0k3n", REALM));
    const one = client();
    await Promise.all(Array.from({ length: 6 }, () => manifest(one)));
    expect(tokenRequests()).toHaveLength(1);
  });

  it("is got with an identity token by a POST that holds it in its body, never in the address", async () => {
    const bodies: string[] = [];
    const record: Fault = ({ method, url, body }) => {
      if (method === "POST") bodies.push(new TextDecoder().decode(body));
      return url.startsWith("/token") && method !== "POST" ? jsonReply(405, {}) : undefined;
    };
    registry.inject(demandToken(HOST, "t0k3n", REALM), record);
    expect(await manifest(client({ kind: "identity", token: "r3fresh" }))).toMatchObject({ digest: image.digest });
    const form = new URLSearchParams(bodies[0]);
    expect(Object.fromEntries(form)).toEqual({
      service: "test",
      scope: "repository:shop/web:pull",
      grant_type: "refresh_token",
      client_id: "outrider",
      refresh_token: "r3fresh",
    });
    expect(registry.requests.map(({ url }) => url).join()).not.toContain("r3fresh");
  });

  it("that was configured is sent as it is, after the registry asked", async () => {
    registry.inject(demandToken(HOST, "t0k3n", REALM));
    expect(await manifest(client({ kind: "bearer", token: "t0k3n" }))).toMatchObject({ digest: image.digest });
    expect(tokenRequests()).toEqual([]);
  });

  it("of one credential is not sent for another", async () => {
    const whose: Fault = ({ url, headers }) =>
      url.startsWith("/token")
        ? jsonReply(200, { token: `for-${headers["authorization"] ?? "nobody"}`.replace(/\W/g, "") })
        : undefined;
    registry.inject(demandToken(HOST, "none", REALM), whose);
    const one = client(BASIC);
    await manifest(one).catch(() => {});
    await manifest(one.withKeyring(keyringOf({ ...BASIC, username: "other" }))).catch(() => {});
    const bearers = sent().filter((header) => header.startsWith("Bearer"));
    expect(new Set(bearers).size).toBe(2);
  });

  it("of one repository is not sent for another", async () => {
    registry.inject(demandToken(HOST, "t0k3n", REALM));
    const one = client();
    await manifest(one);
    await manifest(one, "shop/api");
    expect(tokenRequests().map(({ url }) => new URL(url, "http://x").searchParams.get("scope"))).toEqual([
      "repository:shop/web:pull",
      "repository:shop/api:pull",
    ]);
  });

  it("is dropped when many others were got since", async () => {
    registry.inject(demandToken(HOST, "t0k3n", REALM));
    const one = client();
    for (let n = 0; n <= TOKENS_KEPT; n++) await manifest(one, `many/r${n}`);
    const before = tokenRequests().length;
    await manifest(one, "many/r0");
    expect(tokenRequests().length).toBe(before + 1);
  });

  it("that grew old is got again", async () => {
    let nowMs = 0;
    registry.inject(demandToken(HOST, "t0k3n", REALM));
    const one = client(undefined, { clock: () => nowMs });
    await manifest(one);
    nowMs += 289_000;
    await manifest(one);
    expect(tokenRequests()).toHaveLength(1);
    nowMs += 2000;
    await manifest(one);
    expect(tokenRequests()).toHaveLength(2);
  });

  it.each([
    ["no JSON", "<html>"],
    ["null", "null"],
    ["no token", "{}"],
    ["a token with a line break", '{"token":"a\\nb"}'],
    ["a token without an end", `{"token":"${"x".repeat(20_000)}"}`],
  ])("answer that is %s is refused and not quoted", async (_what, body) => {
    registry.inject(
      demandToken(HOST, "t", REALM),
      on(/^\/token/, ({ reply }) => ({ ...reply, body: Buffer.from(body) })),
    );
    await expect(manifest(client())).rejects.toMatchObject({
      code: "REGISTRY_TOKEN_MALFORMED",
      message: `${HOST}/shop/web: token: the answer holds no token`,
    });
  });

  it("that is worth nothing is tried once, not for ever", async () => {
    registry.inject(loop401(HOST));
    const realm: Fault = ({ reply }) =>
      reply.status === 401 ? { ...reply, headers: { "www-authenticate": `Bearer realm="${REALM}"` } } : undefined;
    registry.inject(realm);
    await expect(manifest(client(BASIC))).rejects.toMatchObject({
      code: "REGISTRY_DENIED",
      message: expect.stringContaining("answered 401"),
    });
    expect(registry.requests.length).toBe(3);
  });
});

describe("a password", () => {
  it("is sent as Basic only after the registry asked for that, and from then on at once", async () => {
    registry.inject(demandBasic("robot", "s3cret"));
    const one = client(BASIC);
    await manifest(one);
    await manifest(one);
    expect(sent().map((header) => header.split(" ")[0])).toEqual(["", "Basic", "Basic"]);
  });

  it("of a pull secret is used for its own view of the client only", async () => {
    registry.inject(demandBasic("robot", "s3cret"));
    const one = client();
    expect(await manifest(one.withKeyring(keyringOf(BASIC)))).toMatchObject({ digest: image.digest });
    await expect(manifest(one)).rejects.toEqual(coded("REGISTRY_DENIED"));
  });

  it("for another host is not sent here, and the refusal says that none is configured", async () => {
    registry.inject(demandBasic("robot", "s3cret"));
    const other = client(undefined, { keyring: keyringOf(BASIC, ELSEWHERE) });
    await expect(manifest(other)).rejects.toMatchObject({ message: expect.stringContaining("none are configured") });
    expect(sent().join("")).toBe("");
  });
});

describe("credentials never reach another host", () => {
  it.each([
    [
      "by a redirect of the manifest",
      () => on(/manifests/, redirectTo(`https://${ELSEWHERE}/v2/shop/web/manifests/1`)),
    ],
    ["by a redirect of the token request", () => on(/^\/token/, redirectTo(`https://${ELSEWHERE}/token`))],
    ["by a realm", () => hostileRealm(`https://${ELSEWHERE}/token`)],
  ])("%s", async (_how, fault) => {
    registry.inject(demandToken(HOST, "t0k3n", REALM), fault());
    await manifest(client(BASIC)).catch(() => {});
    expect(
      elsewhere.requests.map(({ authorization }) => authorization).filter((header) => header !== undefined),
    ).toEqual([]);
  });

  it("by a redirect of an identity token's form, which is refused", async () => {
    const onToken: Fault = (exchange) =>
      exchange.url.startsWith("/token") ? redirectTo(`https://${ELSEWHERE}/token`, 307)(exchange) : undefined;
    registry.inject(demandToken(HOST, "t", REALM), onToken);
    await expect(manifest(client({ kind: "identity", token: "r3fresh" }))).rejects.toEqual(
      coded("REGISTRY_REDIRECT_REFUSED"),
    );
    expect(elsewhere.requests).toEqual([]);
  });

  it.each(Object.entries(FORBIDDEN_REDIRECTS))("nor is %s asked by a realm", async (_where, realm) => {
    registry.inject(hostileRealm(realm));
    await expect(manifest(client(BASIC))).rejects.toEqual(coded("REGISTRY_REALM_REFUSED"));
    expect(sent().join("")).toBe("");
  });

  it("but a token host that the operator named may have them", async () => {
    elsewhere.inject(demandToken(ELSEWHERE, "t0k3n"));
    registry.inject(demandToken(HOST, "t0k3n", `https://${ELSEWHERE}/token`));
    const registries: RegistryHost[] = [{ host: HOST, tokenHosts: [ELSEWHERE] }];
    expect(await manifest(client(BASIC, { registries }))).toMatchObject({ digest: image.digest });
  });
});

describe("a redirect is refused", () => {
  it.each(Object.entries(FORBIDDEN_REDIRECTS))("to %s", async (_where, location) => {
    registry.inject(on(/manifests/, redirectTo(location)));
    await expect(manifest(client())).rejects.toMatchObject({
      code: "REGISTRY_REDIRECT_REFUSED",
      message: expect.stringContaining("must not be asked"),
    });
  });

  it("after a few, though each by itself would do", async () => {
    registry.inject(on(/manifests/, redirectTo("/v2/shop/web/manifests/1?again")));
    await expect(manifest(client())).rejects.toMatchObject({
      message: expect.stringContaining("more than 3 redirects"),
    });
  });

  it("but not to a content network, without the token", async () => {
    await pushImage(elsewhere, { repository: "shop/web", tag: "1" });
    elsewhere.calm();
    registry.inject(
      demandToken(HOST, "t0k3n", REALM),
      on(/manifests/, redirectTo(`https://${ELSEWHERE}/v2/shop/web/manifests/1`)),
    );
    const fromThere: Fault = ({ headers, reply }) =>
      headers["authorization"] === undefined ? reply : jsonReply(400, {});
    elsewhere.inject(fromThere);
    expect(await manifest(client(BASIC))).toMatchObject({ digest: image.digest });
  });
});

describe("a credential helper", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "outrider-helpers-"));
    const install = (name: string, script: string) => {
      writeFileSync(join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`);
      chmodSync(join(folder, `docker-credential-${name}`), 0o755);
    };
    install("good", `read server; [ "$1 $server" = "get ${HOST}" ] && echo '{"Username":"robot","Secret":"s3cret"}'`);
    install("token", `echo '{"Username":"<token>","Secret":"r3fresh"}'`);
    install("hung", "exec sleep 30");
    install("loud", `yes s3cret | head -c 200000`);
    install("broken", `echo '{"Username":"robot s3cret'`);
    install("failing", `echo s3cret >&2; exit 1`);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const helper = (program: string): Credential => ({ kind: "helper", program, server: HOST });
  const helpers = () => ({ env: { PATH: `${folder}:/usr/bin:/bin` }, deadlineMs: 300 });

  it("is not run unless that was allowed, and the refusal says whose it is", async () => {
    registry.inject(demandBasic("robot", "s3cret"));
    await expect(manifest(client(helper("good")))).rejects.toMatchObject({
      code: "CREDENTIAL_HELPER_REFUSED",
      message: `${HOST}: its credentials are with docker-credential-good, which is not run`,
    });
  });

  it("is asked for the one registry", async () => {
    registry.inject(demandBasic("robot", "s3cret"));
    expect(await manifest(client(helper("good"), { helpers: helpers() }))).toMatchObject({ digest: image.digest });
  });

  it("may give an identity token", async () => {
    registry.inject(demandToken(HOST, "t0k3n", REALM));
    expect(await manifest(client(helper("token"), { helpers: helpers() }))).toMatchObject({ digest: image.digest });
  });

  it.each(["hung", "loud", "broken", "failing", "missing"])(
    "that is %s is a refusal without its output",
    async (name) => {
      registry.inject(demandBasic("robot", "s3cret"));
      const error = await manifest(client(helper(name), { helpers: helpers() })).catch((thrown: Error) => thrown);
      expect(error).toMatchObject({ code: "CREDENTIAL_HELPER_FAILED" });
      expect(JSON.stringify(error)).not.toContain("s3cret");
    },
  );
});

it("a registry that asks for nothing is shown nothing", async () => {
  await manifest(client(BASIC));
  registry.inject(on(/manifests/, status(403)));
  await manifest(client(BASIC)).catch(() => {});
  expect(sent().join("")).toBe("");
});
