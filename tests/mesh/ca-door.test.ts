import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { silentLog } from "../../core/base/log.ts";
import { createCaSource, writeRequest } from "../../core/identity/ca-source.ts";
import { CA_BURST } from "../../mesh/certificates/ca-door.ts";
import { REFUSALS_TOLD_BURST } from "../../mesh/certificates/identity-plane.ts";
import { openShop, type Shop, type TokenFacts } from "./shop.ts";

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

const KEYS = generateKeyPairSync("ec", { namedCurve: "P-256" });
const WEB = "spiffe://shop.test/ns/shop/sa/front";
const csrFor = (id: string, keys: { publicKey: KeyObject; privateKey: KeyObject } = KEYS) =>
  writeRequest(keys.publicKey, keys.privateKey, id);

interface Answer {
  readonly status: number;
  readonly code?: string;
  readonly fix?: string;
}

function ask(body: unknown, localAddress = "127.0.0.1", at: Shop = shop): Promise<Answer> {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers = { "content-type": "application/json" };
  const ca = readFileSync(at.bundleFile, "utf8");
  return new Promise((resolve, reject) => {
    const url = `${at.ca}/v1/certificates`;
    const outgoing = request(url, { method: "POST", agent: false, ca, headers, localAddress }, (incoming) => {
      let answer = "";
      incoming.on("data", (chunk) => {
        answer += String(chunk);
      });
      incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, ...JSON.parse(answer) }));
    });
    outgoing.on("error", reject);
    outgoing.end(text);
  });
}

const token = (facts: TokenFacts = {}) => shop.token(facts);

describe("a certificate is refused", () => {
  const cases: [given: string, body: () => Promise<unknown>, status: number, code: string | undefined][] = [
    ["not when nothing is wrong", async () => ({ csr: csrFor(WEB), token: await token() }), 200, undefined],
    ["without a token", async () => ({ csr: csrFor(WEB) }), 401, "CA_TOKEN_MISSING"],
    ["with a token that is none", async () => ({ csr: csrFor(WEB), token: "x.y.z" }), 401, "CA_TOKEN_INVALID"],
    [
      "with a token for another audience",
      async () => ({ csr: csrFor(WEB), token: await token({ audience: "vault" }) }),
      401,
      "CA_TOKEN_INVALID",
    ],
    [
      "with a token of another issuer",
      async () => ({ csr: csrFor(WEB), token: await token({ issuer: "https://evil" }) }),
      401,
      "CA_TOKEN_INVALID",
    ],
    [
      "with a token that ended a minute ago",
      async () => ({ csr: csrFor(WEB), token: await token({ lifeS: -60 }) }),
      401,
      "CA_TOKEN_INVALID",
    ],
    [
      "with a token that lives for ever",
      async () => ({ csr: csrFor(WEB), token: await token({ lifeS: 10 * 365 * 86_400 }) }),
      401,
      "CA_TOKEN_INVALID",
    ],
    [
      "with a token nobody signed",
      async () => ({ csr: csrFor(WEB), token: unsigned(await token()) }),
      401,
      "CA_TOKEN_INVALID",
    ],
    [
      "with a token whose claims were changed",
      async () => ({ csr: csrFor(WEB), token: tampered(await token()) }),
      401,
      "CA_TOKEN_INVALID",
    ],
    [
      "for a pod the cluster does not hold",
      async () => ({ csr: csrFor(WEB), token: await token({ uid: "uid-gone" }) }),
      403,
      "CA_POD_UNKNOWN",
    ],
    [
      "for a pod under another service account",
      async () => ({
        csr: csrFor("spiffe://shop.test/ns/shop/sa/payments"),
        token: await token({ serviceAccount: "payments" }),
      }),
      403,
      "CA_POD_UNKNOWN",
    ],
    [
      "for another name than the token's",
      async () => ({ csr: csrFor("spiffe://shop.test/ns/shop/sa/payments"), token: await token() }),
      403,
      "CA_NAME_MISMATCH",
    ],
    [
      "for the name of the mesh itself",
      async () => ({ csr: csrFor("spiffe://shop.test/ns/outrider-system/sa/outrider-mesh"), token: await token() }),
      403,
      "CA_NAME_MISMATCH",
    ],
    ["for a request that is none", async () => ({ csr: "hello", token: await token() }), 400, "CSR_INVALID"],
    [
      "for a body with fields nobody knows",
      async () => ({ csr: csrFor(WEB), token: await token(), spiffeId: WEB }),
      400,
      "CA_REQUEST_INVALID",
    ],
    ["for a body that is not JSON", async () => "{", 400, "CA_REQUEST_INVALID"],
    ["for a body over the limit", async () => ({ csr: "x".repeat(70_000), token: "" }), 400, "CA_REQUEST_INVALID"],
  ];
  it.each(cases)("%s", async (_given, body, status, code) => {
    const answer = await ask(await body());
    expect({ status: answer.status, code: answer.code }).toEqual({ status, code });
    if (status !== 200) expect(answer.fix).toEqual(expect.any(String));
  });

  it("to an address that asks too often, while others are served", async () => {
    const answers = await Promise.all(Array.from({ length: CA_BURST + 10 }, () => ask({ csr: "" }, "127.0.0.7")));
    expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
    expect((await ask({ csr: csrFor(WEB), token: await token() }, "127.0.0.8")).status).toBe(200);
  });

  it("and told a few times, however many there are: a flood fills no disk", async () => {
    const told: object[] = [];
    const flooded = await openShop(undefined, { ...silentLog, warn: (fields) => void told.push(fields) });
    const addresses = Array.from({ length: 8 }, (_, index) => `127.0.1.${index + 1}`);
    for (const address of addresses)
      await Promise.all(Array.from({ length: 20 }, () => ask({ csr: "" }, address, flooded)));
    const metrics = await (await fetch(`${flooded.admin}/metrics`)).text();
    expect(metrics).toContain('outrider_mesh_certificates_total{result="CA_TOKEN_MISSING"} 160');
    expect(told.length).toBeGreaterThanOrEqual(REFUSALS_TOLD_BURST);
    expect(told.length).toBeLessThan(140);
    await flooded.close();
  });

  it("and counted by reason", async () => {
    const metrics = await (await fetch(`${shop.admin}/metrics`)).text();
    expect(metrics).toMatch(/outrider_mesh_certificates_total\{result="CA_NAME_MISMATCH"\} [1-9]/);
    expect(metrics).toMatch(/outrider_mesh_certificates_total\{result="issued"\} [1-9]/);
  });
});

describe("a sidecar asking for a certificate", () => {
  it("does not send its token to an authority it does not trust", async () => {
    const other = await openShop();
    const source = shop.source({}, { url: other.ca, signal: AbortSignal.timeout(50) });
    await expect(source).rejects.toMatchObject({ code: "CA_UNREACHABLE" });
    await other.close();
  });

  it("does not take a workload's certificate for the authority's", async () => {
    const source = shop.source({}, { trustDomain: "other.test", signal: AbortSignal.timeout(50) });
    await expect(source).rejects.toMatchObject({ code: "SVID_WRONG_DOMAIN" });
  });

  it("is told the authority's reason", async () => {
    const source = shop.source({ uid: "uid-gone" }, { signal: AbortSignal.timeout(50) });
    await expect(source).rejects.toMatchObject({
      code: "CA_REFUSED",
      message: expect.stringContaining("CA_POD_UNKNOWN"),
    });
  });

  it("waits for an authority that is not there yet", async () => {
    const log = { ...silentLog, warn: () => attempts++ };
    let attempts = 0;
    const source = createCaSource({
      trustDomain: "shop.test",
      spiffeId: WEB,
      url: "https://127.0.0.1:1",
      bundleFile: shop.bundleFile,
      tokenFile: shop.bundleFile,
      log,
      random: () => 0,
      signal: AbortSignal.timeout(350),
    });
    await expect(source).rejects.toMatchObject({ code: "CA_UNREACHABLE" });
    expect(attempts).toBeGreaterThan(1);
  });

  it("makes a new key for each certificate, and one request for renewals asked for together", async () => {
    const source = await shop.source({});
    const seen = [source.current().keyPem];
    source.onChange((svid) => seen.push(svid.keyPem));
    await Promise.all([source.renew(), source.renew()]);
    await source.renew();
    expect(new Set(seen).size).toBe(3);
    source.close();
  });
});

describe("a certificate near its end", () => {
  /** A clock near the end of a certificate of one hour. */
  const nearlyThere = () => Date.now() + 3_600_000 - 1500;

  it("is renewed without being asked", async () => {
    const source = await shop.source({}, { clock: nearlyThere });
    const before = source.current().serial;
    const after = await new Promise<string>((resolve) => source.onChange((svid) => resolve(svid.serial)));
    expect(after).not.toBe(before);
    source.close();
  });

  it("stays while the authority refuses to renew it, and is tried again", async () => {
    let failures = 0;
    const log = { ...silentLog, warn: () => failures++ };
    const tokenFile = `${shop.folder}/token.jwt`;
    writeFileSync(tokenFile, await token());
    const source = await shop.source({}, { clock: nearlyThere, tokenFile, log, random: () => 0 });
    const before = source.current().serial;
    writeFileSync(tokenFile, "not a token");
    await expect(source.renew()).rejects.toMatchObject({ code: "CA_REFUSED" });
    while (failures < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(source.current().serial).toBe(before);
    writeFileSync(tokenFile, await token());
    await new Promise((resolve) => source.onChange(resolve));
    source.close();
  });
});

/** The same claims under "alg": "none". */
function unsigned(jwt: string): string {
  const header = Buffer.from('{"alg":"none"}').toString("base64url");
  return `${header}.${jwt.split(".")[1]}.`;
}

function tampered(jwt: string): string {
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const claims = Buffer.from(payload, "base64url").toString().replace('"shop"', '"bank"');
  return [header, Buffer.from(claims).toString("base64url"), signature].join(".");
}
