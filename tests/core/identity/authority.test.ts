import { generateKeyPairSync, X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import {
  type Authority,
  createAuthority,
  MOST_LIVE_ROOTS,
  ROOT_RENEWAL_MS,
  ROOT_TTL_MS,
} from "../../../core/identity/authority.ts";
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

  it("rotates: old and new certificates are good under old and new bundles", () => {
    const oldBundle = authority.bundle();
    const oldLeaf = issue();
    authority.rotate();
    const newLeaf = issue();
    expect(authority.bundle()).toHaveLength(2);
    expect([accepts(oldBundle, newLeaf), accepts(authority.bundle(), newLeaf)]).toEqual([true, true]);
    expect([accepts(oldBundle, oldLeaf), accepts(authority.bundle(), oldLeaf)]).toEqual([true, true]);
  });

  it("rotates twice: a bundle of the first root still accepts what the third signs", () => {
    const oldBundle = authority.bundle();
    authority.rotate();
    authority.rotate();
    expect(accepts(oldBundle, issue())).toBe(true);
  });

  it("loses its key when it stops signing, and leaves the bundle when its last certificate has ended", () => {
    const [oldRoot] = authority.bundle();
    authority.rotate();
    const file = JSON.parse(readFileSync(join(stateDir, "roots.json"), "utf8")) as { roots: { keyPem?: string }[] };
    expect(file.roots.map((root) => root.keyPem !== undefined)).toEqual([true, false]);
    nowMs += TTL_MS;
    expect(authority.maintain()).toBe(false);
    nowMs += HOUR_MS;
    expect(authority.maintain()).toBe(true);
    expect(authority.bundle()).toHaveLength(1);
    expect(authority.bundle()).not.toContain(oldRoot);
  });

  it("rotates by itself before it ends", () => {
    nowMs += ROOT_TTL_MS - ROOT_RENEWAL_MS - HOUR_MS;
    expect(authority.maintain()).toBe(false);
    nowMs += 2 * HOUR_MS;
    expect(authority.maintain()).toBe(true);
    expect(authority.signingRootNotAfterMs()).toBeGreaterThan(nowMs + ROOT_RENEWAL_MS);
  });

  it("does not rotate into a bundle without end", () => {
    for (let i = 1; i < MOST_LIVE_ROOTS; i++) authority.rotate();
    expect(() => authority.rotate()).toThrow(expect.objectContaining({ code: "CA_ROTATION_BUSY" }));
  });
});
