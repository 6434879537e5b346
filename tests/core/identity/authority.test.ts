import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type Authority, createAuthority, ROOT_RENEWAL_MS, ROOT_TTL_MS } from "../../../core/identity/authority.ts";
import type { IssuedCertificate } from "../../../core/identity/leaf.ts";
import { verifySvid } from "../../../core/identity/verify.ts";
import { GOOD_ID, HOUR_MS, x509 } from "./certificates.ts";

const TTL_MS = HOUR_MS;
const folders: string[] = [];
let stateDir: string;
let nowMs: number;
let authority: Authority;

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), "outrider-authority-"));
  folders.push(stateDir);
  nowMs = Date.UTC(2030, 0, 1, 12, 0, 0, 500);
  authority = open();
});
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true });
});

const open = () =>
  createAuthority({ trustDomain: "shop.test", stateDir, certificateTtlMs: TTL_MS, clock: () => nowMs });
const KEYS = generateKeyPairSync("ec", { namedCurve: "P-256" });
const publicKey = new Uint8Array(KEYS.publicKey.export({ type: "spki", format: "der" }));
const issue = (from = authority): IssuedCertificate =>
  from.issue({ spiffeId: GOOD_ID, podUid: "uid-1", publicKey, ttlMs: TTL_MS, hosts: ["127.0.0.1", "a.svc"] });
const accepts = (bundle: readonly string[], issued: IssuedCertificate): boolean => {
  try {
    return verifySvid(issued.chain.join(""), bundle.join(""), "shop.test", nowMs).podUid === "uid-1";
  } catch {
    return false;
  }
};

describe("an issued certificate, read by another library", () => {
  it("is an X.509-SVID: one id, no authority, signs only, serves and calls", () => {
    const certificate = new x509.X509Certificate(issue().chain[0] ?? "");
    const names = certificate.getExtension(x509.SubjectAlternativeNameExtension);
    expect(names?.names.toJSON()).toEqual([
      { type: "url", value: GOOD_ID },
      { type: "dns", value: "a.svc" },
      { type: "ip", value: "127.0.0.1" },
    ]);
    expect(names?.critical).toBe(true);
    expect(certificate.getExtension(x509.BasicConstraintsExtension)).toMatchObject({ ca: false, critical: true });
    expect(certificate.getExtension(x509.KeyUsagesExtension)?.usages).toBe(x509.KeyUsageFlags.digitalSignature);
    expect(certificate.getExtension(x509.ExtendedKeyUsageExtension)?.usages).toEqual([
      "1.3.6.1.5.5.7.3.1",
      "1.3.6.1.5.5.7.3.2",
    ]);
  });

  it("begins five minutes early and ends after its life", () => {
    const certificate = new x509.X509Certificate(issue().chain[0] ?? "");
    expect(certificate.notBefore.toISOString()).toBe("2030-01-01T11:55:00.000Z");
    expect(certificate.notAfter.toISOString()).toBe("2030-01-01T13:00:00.000Z");
  });

  it("carries the signature of the root, and the root's key id", async () => {
    const certificate = new x509.X509Certificate(issue().chain[0] ?? "");
    const root = new x509.X509Certificate(authority.bundle()[0] ?? "");
    expect(await certificate.verify({ publicKey: root, signatureOnly: true })).toBe(true);
    expect(await root.verify({ publicKey: root, signatureOnly: true })).toBe(true);
    const keyId = certificate.getExtension(x509.AuthorityKeyIdentifierExtension)?.keyId;
    expect(keyId).toBe(root.getExtension(x509.SubjectKeyIdentifierExtension)?.keyId);
  });

  it("never has the serial of another", () => {
    const serials = Array.from({ length: 100 }, () => issue().serial);
    expect(new Set(serials).size).toBe(100);
    expect(new X509Certificate(issue().chain[0] ?? "").serialNumber).toMatch(/^[0-9A-F]{32}$/);
  });

  it("is not made for what is no id", () => {
    expect(() => authority.issue({ spiffeId: "web", publicKey, ttlMs: TTL_MS })).toThrow(
      expect.objectContaining({ code: "ID_INVALID" }),
    );
  });
});

describe("the root", () => {
  it("survives a restart, in a file only its owner can read", () => {
    const reopened = open();
    expect(reopened.bundle()).toEqual(authority.bundle());
    expect(accepts(authority.bundle(), issue(reopened))).toBe(true);
    expect(statSync(join(stateDir, "roots.json")).mode & 0o777).toBe(0o600);
  });

  it("that is damaged is reported, never replaced by a new one", () => {
    const file = join(stateDir, "roots.json");
    writeFileSync(file, readFileSync(file, "utf8").slice(0, 50));
    expect(open).toThrow(expect.objectContaining({ code: "IDENTITY_FILE" }));
    writeFileSync(file, '{"roots":[{"name":1}]}');
    expect(open).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });

  const damage: [given: string, change: (root: Record<string, unknown>) => object | undefined, problem: string][] = [
    ["none at all", () => undefined, "expected at least one root"],
    ["a certificate cut short", (root) => ({ ...root, certificatePem: "-----BEGIN" }), "not readable"],
    ["a key that is none", (root) => ({ ...root, keyPem: "secret" }), "not readable"],
    [
      "another's key",
      (root) => ({ ...root, keyPem: KEYS.privateKey.export({ type: "pkcs8", format: "pem" }) }),
      "its key is another's",
    ],
    ["a longer life", (root) => ({ ...root, notAfterMs: 9e12 }), "ends at another time"],
  ];
  it.each(damage)("with %s is reported when the authority opens, not when it signs", (_given, change, problem) => {
    const file = join(stateDir, "roots.json");
    const [root] = (JSON.parse(readFileSync(file, "utf8")) as { roots: Record<string, unknown>[] }).roots;
    const changed = change(root ?? {});
    writeFileSync(file, JSON.stringify({ roots: changed === undefined ? [] : [changed] }));
    expect(open).toThrow(problem);
  });

  it("of another trust domain is not taken for this one's", () => {
    const other = { trustDomain: "bank.test", stateDir, certificateTtlMs: TTL_MS, clock: () => nowMs };
    expect(() => createAuthority(other)).toThrow("expected a root of trust domain bank.test");
  });

  it("in a folder that cannot be used is reported with a code", () => {
    const under = join(stateDir, "roots.json", "state");
    const options = { trustDomain: "shop.test", stateDir: under, certificateTtlMs: TTL_MS, clock: () => nowMs };
    expect(() => createAuthority(options)).toThrow(expect.objectContaining({ code: "FILE_NOT_USABLE" }));
  });

  it("that ended while nobody ran is followed by one that signs at once", () => {
    nowMs += ROOT_TTL_MS + HOUR_MS;
    const reopened = open();
    expect(accepts(reopened.bundle(), issue(reopened))).toBe(true);
  });

  it("that was to leave while nobody ran has left after the restart", () => {
    const { signsFromMs } = authority.rotate();
    nowMs = signsFromMs + 2 * HOUR_MS;
    expect(open().bundle()).toHaveLength(1);
  });

  it("signs nothing that would outlive its place in the bundle, though certificates live longer now", () => {
    authority.rotate();
    const options = { trustDomain: "shop.test", stateDir, certificateTtlMs: 24 * HOUR_MS, clock: () => nowMs };
    const reopened = createAuthority(options);
    const issued = reopened.issue({ spiffeId: GOOD_ID, podUid: "uid-1", publicKey, ttlMs: 24 * HOUR_MS });
    nowMs = issued.notAfterMs - 1;
    reopened.maintain();
    expect(accepts(reopened.bundle(), issued)).toBe(true);
  });

  it("waits for certificates that were given a longer life than is configured now", () => {
    const long = { trustDomain: "shop.test", stateDir, certificateTtlMs: 24 * HOUR_MS, clock: () => nowMs };
    const before = createAuthority(long);
    const issued = before.issue({ spiffeId: GOOD_ID, podUid: "uid-1", publicKey, ttlMs: 24 * HOUR_MS });
    const { signsFromMs } = open().rotate();
    expect(signsFromMs).toBeGreaterThanOrEqual(issued.notAfterMs);
  });

  it("rotates: at no time does a bundle of the moment before meet a certificate it does not trust", () => {
    const known: { bundle: readonly string[]; leaf: IssuedCertificate; atMs: number }[] = [];
    authority.rotate();
    for (let step = 0; step < 60; step++) {
      known.push({ bundle: authority.bundle(), leaf: issue(), atMs: nowMs });
      const live = known.filter(({ atMs }) => nowMs - atMs < TTL_MS);
      for (const { bundle } of live) for (const { leaf } of live) expect(accepts(bundle, leaf)).toBe(true);
      nowMs += TTL_MS / 10;
      authority.maintain();
    }
    expect(authority.bundle()).toHaveLength(1);
  });

  it("signs with the old key until every workload has renewed once, then with the new one", () => {
    const issuerOf = () => new X509Certificate(issue().chain[0] ?? "").issuer;
    const first = issuerOf();
    const { signsFromMs } = authority.rotate();
    expect(authority.bundle()).toHaveLength(2);
    expect(signsFromMs).toBeGreaterThanOrEqual(nowMs + TTL_MS);
    nowMs = signsFromMs - 1;
    expect(issuerOf()).toBe(first);
    nowMs = signsFromMs;
    expect(issuerOf()).not.toBe(first);
  });

  it("loses its key when it stops signing, and leaves the bundle when its last certificate has ended", () => {
    const [oldRoot] = authority.bundle();
    const { signsFromMs } = authority.rotate();
    const withKey = () => {
      const file = JSON.parse(readFileSync(join(stateDir, "roots.json"), "utf8")) as { roots: { keyPem?: string }[] };
      return file.roots.map((root) => root.keyPem !== undefined);
    };
    expect(withKey()).toEqual([true, true]);
    nowMs = signsFromMs;
    expect(authority.maintain()).toBe(false);
    expect(withKey()).toEqual([true, false]);
    nowMs += TTL_MS;
    expect(authority.maintain()).toBe(false);
    nowMs += HOUR_MS;
    expect(authority.maintain()).toBe(true);
    expect(authority.bundle()).toHaveLength(1);
    expect(authority.bundle()).not.toContain(oldRoot);
  });

  it("goes on rotating after a restart", () => {
    const { signsFromMs } = authority.rotate();
    const reopened = open();
    expect(reopened.bundle()).toEqual(authority.bundle());
    nowMs = signsFromMs;
    expect(issue(reopened).chain).toHaveLength(1);
    expect(accepts(authority.bundle(), issue(reopened))).toBe(true);
  });

  it("rotates by itself before it ends", () => {
    nowMs += ROOT_TTL_MS - ROOT_RENEWAL_MS - HOUR_MS;
    expect(authority.maintain()).toBe(false);
    nowMs += 2 * HOUR_MS;
    expect(authority.maintain()).toBe(true);
    expect(authority.bundle()).toHaveLength(2);
    nowMs += 3 * HOUR_MS;
    expect(authority.signingRootNotAfterMs()).toBeGreaterThan(nowMs + ROOT_RENEWAL_MS);
  });

  it("does not rotate again before the rotation before it is done", () => {
    const { signsFromMs } = authority.rotate();
    expect(() => authority.rotate()).toThrow(expect.objectContaining({ code: "CA_ROTATION_BUSY" }));
    nowMs = signsFromMs;
    authority.rotate();
    expect(authority.bundle()).toHaveLength(3);
  });
});
